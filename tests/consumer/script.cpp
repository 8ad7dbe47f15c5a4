// With the installed headers and library.
#include <tutti/tutti.h>

int main() { tutti::display(tutti::Tensor::of<int>({2}, {1, 2})); }
