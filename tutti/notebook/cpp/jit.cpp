#include "tutti/notebook/cpp/jit.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unwind.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include <llvm/DebugInfo/DWARF/DWARFContext.h>
#include <llvm/Demangle/Demangle.h>
#include <llvm/ExecutionEngine/JITLink/JITLink.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/IRReader/IRReader.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/TargetSelect.h>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/notebook/cpp/guard.h"

namespace tutti {
namespace {

namespace orc = llvm::orc;

// What the linker placed, and where.
struct Code {
  std::uintptr_t size = 0;
  std::string symbol;
  std::shared_ptr<llvm::MemoryBuffer> object;
};
struct Placed {
  std::mutex mutex;
  std::map<std::uintptr_t, Code> code;       // by address
  std::set<std::string, std::less<>> names;  // that objects define
  std::map<std::string, std::shared_ptr<llvm::MemoryBuffer>, std::less<>> objects;
};
// Never destroyed, as the Jit.
Placed& placed() {
  static auto* const all = new Placed;
  return *all;
}

// Notes where functions come to lie.
class Surveyor : public orc::ObjectLinkingLayer::Plugin {
 public:
  void modifyPassConfig(orc::MaterializationResponsibility&, llvm::jitlink::LinkGraph&,
                        llvm::jitlink::PassConfiguration& passes) override {
    // Functions that only their section's symbol refers to would lose their names.
    passes.PrePrunePasses.emplace_back([](llvm::jitlink::LinkGraph& graph) {
      for (llvm::jitlink::Symbol* symbol : graph.defined_symbols())
        if (symbol->isCallable() && symbol->hasName()) symbol->setLive(true);
      return llvm::Error::success();
    });
    // The linker drops the frames of functions that are there already, and leaves holes where it aligns the rest: to the
    // unwinder a hole is the end, and exceptions would find no way.
    passes.PostPrunePasses.emplace_back([](llvm::jitlink::LinkGraph& graph) {
      if (llvm::jitlink::Section* const frames = graph.findSectionByName(".eh_frame"))
        for (llvm::jitlink::Block* block : frames->blocks()) {
          block->setAlignmentOffset(0);
          block->setAlignment(1);
        }
      return llvm::Error::success();
    });
    passes.PostFixupPasses.emplace_back([](llvm::jitlink::LinkGraph& graph) {
      const std::scoped_lock lock(placed().mutex);
      const auto object = placed().objects.find(graph.getName());
      for (const llvm::jitlink::Section& section : graph.sections())
        if ((static_cast<unsigned>(section.getMemProt()) & static_cast<unsigned>(orc::MemProt::Exec)) != 0)
          for (const llvm::jitlink::Block* block : section.blocks())
            add_code(block->getAddress().getValue(), block->getAddress().getValue() + block->getSize());
      for (const llvm::jitlink::Symbol* symbol : graph.defined_symbols())
        if (symbol->isCallable() && symbol->hasName())
          placed().code[symbol->getAddress().getValue()] = {symbol->getSize(), symbol->getName().str(),
                                                            object == placed().objects.end() ? nullptr : object->second};
      return llvm::Error::success();
    });
  }
  llvm::Error notifyFailed(orc::MaterializationResponsibility&) override { return llvm::Error::success(); }
  llvm::Error notifyRemovingResources(orc::JITDylib&, orc::ResourceKey) override { return llvm::Error::success(); }
  void notifyTransferringResources(orc::JITDylib&, orc::ResourceKey, orc::ResourceKey) override {}
};

// --- Thread-local storage ---

// Compiled code asks for thread-local variables through control objects (-femulated-tls). Its own are libgcc's business; those
// of libraries (std::call_once has some) lie elsewhere: their control objects are these, known by their address.
struct LibraryThreadLocal {
  std::array<void*, 4> control{};  // the layout of libgcc's, not looked into
  std::string name;
};
using LibraryThreadLocals = std::map<const void*, const LibraryThreadLocal*>;
// Never changed, and never destroyed: threads of the user's read it while another one takes its place.
std::atomic<const LibraryThreadLocals*> library_thread_locals{new LibraryThreadLocals};

void add_thread_local(const LibraryThreadLocal* known) {
  auto* const all = new LibraryThreadLocals(*library_thread_locals.load());
  (*all)[&known->control] = known;
  library_thread_locals = all;
}
extern "C" void* __emutls_get_address(void* control);
void* thread_local_address(void* control) {
  const LibraryThreadLocals& known = *library_thread_locals.load(std::memory_order_acquire);
  const auto found = known.find(control);
  return found == known.end() ? __emutls_get_address(control) : dlsym(RTLD_DEFAULT, found->second->name.c_str());
}

constexpr std::string_view kControl = "__emutls_v.";

// --- Where exceptions come from ---

constexpr std::size_t kMostFrames = 64;
struct Trace {
  std::array<std::uintptr_t, kMostFrames> frames{};
  std::size_t count = 0;
};
thread_local Trace last_throw;

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void*) {
  // The address of the call, not of what follows it.
  last_throw.frames[last_throw.count++] = _Unwind_GetIP(context) - 1;
  return last_throw.count < kMostFrames ? _URC_NO_REASON : _URC_END_OF_STACK;
}

// The personality of the frame below compiled code: an exception looks here for a handler while the stack still stands.
extern "C" _Unwind_Reason_Code tutti_personality(int, _Unwind_Action actions, std::uint64_t, _Unwind_Exception*,
                                                 _Unwind_Context*) {
  if ((actions & _UA_SEARCH_PHASE) != 0) {
    last_throw.count = 0;
    _Unwind_Backtrace(take_frame, nullptr);
  }
  return _URC_CONTINUE_UNWIND;
}

constexpr const char* kGuard = R"(
declare i32 @tutti_personality(...)
define void @tutti_guard(ptr %function, ptr %argument) uwtable personality ptr @tutti_personality {
  invoke void %function(ptr %argument) to label %done unwind label %thrown
done:
  ret void
thrown:
  %exception = landingpad { ptr, i32 } cleanup
  resume { ptr, i32 } %exception
}
)";

// In an object file each section begins at 0, and of inlined functions DWARF's reader asks by the address alone: here no two
// sections share any.
class SectionsApart : public llvm::LoadedObjectInfoHelper<SectionsApart> {
 public:
  std::uint64_t getSectionLoadAddress(const llvm::object::SectionRef& section) const override {
    return (section.getIndex() + 1) << 32;
  }
};

bool is_of_system(const std::string& file) {
  return file.find("/include/c++/") != std::string::npos || file.starts_with("/usr/include/") || file.starts_with("/usr/lib/");
}

// "" of the functions that initialise a source: the compiler's names of them tell nothing.
std::string function_name(const std::string& linkage_name) {
  const std::string name = llvm::demangle(linkage_name);
  const bool is_initialiser = name.starts_with("__cxx_global_var_init") || name.starts_with("_GLOBAL__") ||
                              name.starts_with("__stmts__") || name == "<invalid>";
  return is_initialiser ? "" : name;
}

[[noreturn]] void give_up(llvm::Error error) { fail("linker", "{}", llvm::toString(std::move(error))); }

template <class T>
T need(llvm::Expected<T> value) {
  if (!value) give_up(value.takeError());
  return std::move(*value);
}
void need(llvm::Error error) {
  if (error) give_up(std::move(error));
}

}  // namespace

std::string SourcePlace::text() const { return fmt::format("{}:{}{}{}", file, line, function.empty() ? "" : " in ", function); }

Jit& Jit::instance() {
  static auto* const jit = new Jit;
  return *jit;
}

void initialise_llvm() {
  static const bool done = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)done;
}

Jit::Jit() {
  initialise_llvm();
  // No platform: who runs initialisers and destructors, we know ourselves.
  jit_ = need(orc::LLJITBuilder().setPlatformSetUp(orc::setUpInactivePlatform).create());
  // What goes wrong is told to whoever asked.
  jit_->getExecutionSession().setErrorReporter([](llvm::Error error) { log_debug("{}", llvm::toString(std::move(error))); });
  static_cast<orc::ObjectLinkingLayer&>(jit_->getObjLinkingLayer()).addPlugin(std::make_shared<Surveyor>());
  define_runtime();

  auto context = std::make_unique<llvm::LLVMContext>();
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseIR(llvm::MemoryBufferRef(kGuard, "guard"), diagnostic, *context);
  if (!module) fail("linker", "{}", diagnostic.getMessage().str());
  need(jit_->addIRModule({std::move(module), std::move(context)}));
  guard_ = need(jit_->lookup("tutti_guard")).toPtr<void (*)(void (*)(void*), void*)>();
}

// What every program gets from its own start-up code and from static libraries.
void Jit::define_runtime() {
  orc::SymbolMap symbols;
  const auto define = [&](const char* name, void* address) {
    symbols[jit_->mangleAndIntern(name)] = {orc::ExecutorAddr::fromPtr(address), llvm::JITSymbolFlags::Exported};
    placed().names.insert(name);
  };
  define("atexit", reinterpret_cast<void*>(&std::atexit));
  define("at_quick_exit", reinterpret_cast<void*>(&std::at_quick_exit));
  define("pthread_atfork", reinterpret_cast<void*>(&::pthread_atfork));
  define("__emutls_get_address", reinterpret_cast<void*>(&thread_local_address));
  define("tutti_personality", reinterpret_cast<void*>(&tutti_personality));
  need(jit_->getMainJITDylib().define(orc::absoluteSymbols(std::move(symbols))));
}

std::vector<std::string> Jit::missing(llvm::MemoryBufferRef object) {
  const auto file = need(llvm::object::ObjectFile::createObjectFile(object));
  std::vector<std::string> names;
  for (const llvm::object::SymbolRef& symbol : file->symbols()) {
    const std::uint32_t flags = need(symbol.getFlags());
    const std::string name = need(symbol.getName()).str();
    if ((flags & llvm::object::SymbolRef::SF_Undefined) == 0 || (flags & llvm::object::SymbolRef::SF_Weak) != 0) continue;
    if (name.empty() || name == "_GLOBAL_OFFSET_TABLE_" || placed().names.contains(name)) continue;
    if (name.starts_with(kControl)) {
      const std::string variable = name.substr(kControl.size());
      if (dlsym(RTLD_DEFAULT, variable.c_str())) {
        auto* const control = new LibraryThreadLocal{.name = variable};  // as long as the code
        add_thread_local(control);
        need(jit_->getMainJITDylib().define(orc::absoluteSymbols(
            {{jit_->mangleAndIntern(name), {orc::ExecutorAddr::fromPtr(&control->control), llvm::JITSymbolFlags::Exported}}})));
        placed().names.insert(name);
        continue;
      }
    }
    if (!dlsym(RTLD_DEFAULT, name.c_str())) names.push_back(llvm::demangle(name));
  }
  return names;
}

std::string Jit::add(std::unique_ptr<llvm::MemoryBuffer> object) {
  auto file = llvm::object::ObjectFile::createObjectFile(object->getMemBufferRef());
  if (!file) return llvm::toString(file.takeError());
  std::vector<std::string> names;
  for (const llvm::object::SymbolRef& symbol : (*file)->symbols()) {
    const std::uint32_t flags = need(symbol.getFlags());
    if ((flags & llvm::object::SymbolRef::SF_Undefined) == 0 && (flags & llvm::object::SymbolRef::SF_Global) != 0)
      names.push_back(need(symbol.getName()).str());
  }
  static std::size_t number = 0;
  const std::string identifier = fmt::format("object{}", ++number);
  const std::shared_ptr<llvm::MemoryBuffer> kept = std::move(object);
  {
    const std::scoped_lock lock(placed().mutex);
    placed().objects[identifier] = kept;
  }
  if (llvm::Error error = jit_->addObjectFile(llvm::MemoryBuffer::getMemBuffer(kept->getBuffer(), identifier, false)))
    return llvm::toString(std::move(error));
  placed().names.insert(names.begin(), names.end());
  return "";
}

void* Jit::find(const std::string& name) { return need(jit_->lookup(name)).toPtr<void*>(); }

void Jit::call(const std::function<void()>& function) {
  last_throw.count = 0;
  guard_([](void* argument) { (*static_cast<const std::function<void()>*>(argument))(); },
         const_cast<std::function<void()>*>(&function));
}

std::vector<SourcePlace> Jit::places_of(std::uintptr_t address) const {
  const std::scoped_lock lock(placed().mutex);
  auto next = placed().code.upper_bound(address);
  if (next == placed().code.begin()) return {};
  --next;
  const Code& code = next->second;
  if (address >= next->first + code.size || !code.object) return {};
  const auto file = need(llvm::object::ObjectFile::createObjectFile(code.object->getMemBufferRef()));
  std::vector<SourcePlace> places;
  for (const llvm::object::SymbolRef& symbol : file->symbols()) {
    if (need(symbol.getName()) != code.symbol) continue;
    const llvm::object::SectionRef section = *need(symbol.getSection());
    const std::uint64_t offset = need(symbol.getValue()) + (address - next->first);
    const SectionsApart apart;
    const auto context = llvm::DWARFContext::create(*file, llvm::DWARFContext::ProcessDebugRelocations::Process, &apart);
    using Kind = llvm::DILineInfoSpecifier::FileLineInfoKind;
    const llvm::object::SectionedAddress at{apart.getSectionLoadAddress(section) + offset, section.getIndex()};
    const auto whole = context->getInliningInfoForAddress(at, {Kind::AbsoluteFilePath, llvm::DINameKind::LinkageName});
    const auto written = context->getInliningInfoForAddress(at, {Kind::RawValue, llvm::DINameKind::None});
    for (std::uint32_t i = whole.getNumberOfFrames(); i > 0; --i) {
      const llvm::DILineInfo& line = whole.getFrame(i - 1);
      // Further in is a header's code, though the line may still be that of its call.
      if (is_of_system(line.FileName)) break;
      if (line.Line > 0)
        places.insert(
            places.begin(),
            {.function = function_name(line.FunctionName), .file = written.getFrame(i - 1).FileName, .line = line.Line});
    }
    break;
  }
  return places;
}

std::vector<SourcePlace> Jit::thrown_at() const {
  std::vector<SourcePlace> places;
  for (std::size_t i = 0; i < last_throw.count; ++i)
    for (SourcePlace& place : places_of(last_throw.frames[i])) places.push_back(std::move(place));
  return places;
}

}  // namespace tutti
