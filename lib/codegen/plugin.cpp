#include "codegen/compiler.h"
#include "runtime/codegen_plugin.h"

#include <algorithm>

/// The one symbol that libwzrun-codegen.so exports.
extern "C" [[gnu::visibility("default")]] bool wzrun_codegen_compile(const wzrun::runtime::CodegenRequest* request) {
  const auto fail = [&](const std::string& message) {
    request->fail(request->context, message.data(), message.size());
    return false;
  };
  if (request->interface_version != wzrun::runtime::kCodegenInterface)
    return fail("libwzrun-codegen.so belongs to another version of wzrun");
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
