// Decodes and validates arbitrary bytes, with every feature and with a set that the input picks. What is valid is read
// again by a sink that checks what FunctionReader promises.
#include "tests/unit/checking_sink.h"
#include "wasm/decoder.h"
#include "wasm/name_section.h"
#include "wasm/type_registry.h"
#include "wasm/validator.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace wzrun;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

/// What holds of every error.
void check_error(const Error& error, std::size_t size) {
  require(error.kind == ErrorKind::malformed || error.kind == ErrorKind::invalid ||
          error.kind == ErrorKind::unsupported);
  require(error.offset <= size);
  require(!error.message.empty());
  for (const char c : error.message)
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void read_again(const wasm::Module& module) {
  wasm::CheckingSink sink;
  wasm::FunctionReader<wasm::CheckingSink> reader(module, sink);
  for (std::uint32_t i = 0; i < module.code.size(); ++i)
    require(reader.read(module.imported_functions + i).has_value());
}

void run(wasm::Bytes bytes, CoreFeatures features) {
  const auto module = wasm::decode(bytes, features);
  if (!module)
    return check_error(module.error(), bytes.size());
  const wasm::NameSection names(*module);
  (void)names.function_name(0);
  (void)names.local_name(0, 0);
  if (auto status = wasm::validate(*module); !status)
    return check_error(status.error(), bytes.size());
  read_again(*module);
  wasm::TypeRegistry registry;
  const auto ids = registry.intern(*module);
  require(ids && *registry.intern(*module) == *ids);
}

/// A set of features that depends on all bytes.
CoreFeatures features_from(wasm::Bytes bytes) {
  std::uint32_t bits = 2166136261;
  for (const auto byte : bytes)
    bits = (bits ^ byte) * 16777619;
  CoreFeatures features;
  unsigned i = 0;
#define WZRUN_FEATURE(name, ...) features = features.with(Feature::name, (bits >> (i++ + 8) & 1) != 0);
#include "wzrun/features.def"
#undef WZRUN_FEATURE
  return features;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const wasm::Bytes bytes(data, size);
  run(bytes, CoreFeatures::all);
  run(bytes, CoreFeatures::V3);
  run(bytes, features_from(bytes));
  return 0;
}
