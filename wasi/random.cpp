#include "functions.h"

#include <sys/random.h>

#include <algorithm>

namespace wzrun::wasi {

Status random_get(Call& call, Address buffer, std::uint32_t buffer_len) {
  constexpr std::size_t kChunk = 1 << 20;  // a request of 4 GiB is looked after between these
  auto rest = WZRUN_TRY(call.memory.range(buffer, buffer_len));
  const auto& configured = call.caller.config().random();
  while (!rest.empty()) {
    const auto chunk = rest.first(std::min(rest.size(), kChunk));
    auto filled = chunk.size();
    if (configured)
      configured(chunk.data(), chunk.size());
    else
      filled =
          static_cast<std::size_t>(WZRUN_TRY(call.retry([&] { return ::getrandom(chunk.data(), chunk.size(), 0); })));
    rest = rest.subspan(filled);
    if (!rest.empty() && call.caller.interrupted())
      return fail(Errno::halted);
  }
  return {};
}

}  // namespace wzrun::wasi
