#include "codegen/compiler.h"
#include "runtime/codegen_plugin.h"

#include <llvm/Support/ErrorHandling.h>

#include <algorithm>
#include <mutex>

namespace {

/// LLVM ends the process where it cannot go on; here only the compilation ends.
void catch_fatal_errors(const wzrun::runtime::CodegenRequest& request) {
  static std::once_flag once;
  std::call_once(once, [&] {
    const auto give_up = [](void* function, const char* why, bool) {
      reinterpret_cast<decltype(request.give_up)>(function)(why);
    };
    auto* const data = reinterpret_cast<void*>(request.give_up);
    llvm::install_fatal_error_handler(give_up, data);
    llvm::install_bad_alloc_error_handler(give_up, data);
  });
}

}  // namespace

/// The one symbol that libwzrun-codegen.so exports.
extern "C" [[gnu::visibility("default")]] bool wzrun_codegen_compile(const wzrun::runtime::CodegenRequest* request) {
  const auto fail = [&](const std::string& message) {
    request->fail(request->context, message.data(), message.size());
    return false;
  };
  if (request->interface_version != wzrun::runtime::kCodegenInterface)
    return fail("libwzrun-codegen.so belongs to another version of wzrun");
  catch_fatal_errors(*request);
  const auto image = wzrun::codegen::compile(*request);
  if (!image)
    return fail(image.error().to_string());
  if (request->module == nullptr)
    return true;
  auto* const memory = request->allocate(request->context, image->size());
  if (memory == nullptr)
    return fail("not enough memory for the image");
  std::ranges::copy(*image, memory);
  return true;
}
