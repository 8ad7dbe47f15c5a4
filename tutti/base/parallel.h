// One thread pool for the process, and the loop that uses it.
#pragma once

#include <cstdint>
#include <functional>

namespace tutti {

// Threads that parallel_for uses, the caller included. First value: $TUTTI_NUM_THREADS, else the
// CPUs this process may run on (affinity mask and cgroup quota).
int num_threads();
void set_num_threads(int count);

// Calls body(begin_i, end_i) on disjoint ranges that cover [begin, end), on up to num_threads()
// threads, and returns when all are done. The ranges depend only on the arguments and on
// num_threads(), never on timing; which thread takes one does. Ranges are at least `grain` long. The first exception that a
// body throws is rethrown here. A nested call runs in the calling thread.
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace tutti
