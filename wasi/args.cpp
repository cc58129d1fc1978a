#include "functions.h"

namespace wzrun::wasi {
namespace {

Status get(Call& call, const StringList& list, Address pointers, Address bytes) {
  const auto table = WZRUN_TRY(call.memory.range(pointers, list.offsets.size() * sizeof(Address)));
  const auto text = WZRUN_TRY(call.memory.range(bytes, list.bytes.size()));
  auto* at = table.data();
  for (const auto offset : list.offsets) {
    const Address address = bytes + offset;  // inside `text`: cannot wrap
    std::memcpy(at, &address, sizeof address);
    at += sizeof address;
  }
  if (!text.empty())
    std::memcpy(text.data(), list.bytes.data(), text.size());
  return {};
}

Status sizes_get(Call& call, const StringList& list, Address count, Address size) {
  WZRUN_CHECK(call.memory.range(size, sizeof(std::uint32_t)));
  WZRUN_CHECK(call.memory.write(count, static_cast<std::uint32_t>(list.offsets.size())));
  return call.memory.write(size, static_cast<std::uint32_t>(list.bytes.size()));
}

}  // namespace

Status args_get(Call& call, Address argv, Address bytes) { return get(call, call.state.args, argv, bytes); }
Status args_sizes_get(Call& call, Address count, Address size) { return sizes_get(call, call.state.args, count, size); }
Status environ_get(Call& call, Address environ, Address bytes) { return get(call, call.state.env, environ, bytes); }
Status environ_sizes_get(Call& call, Address count, Address size) {
  return sizes_get(call, call.state.env, count, size);
}

}  // namespace wzrun::wasi
