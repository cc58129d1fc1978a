#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wzrun::cmd {

/// `512MiB`, `64k` (1024 for K, M, G, T and KiB...; 1000 for kB, MB...), or plain bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// `30s`, `1.5h`, `500ms`, `1m30s`. The unit is required; at most a hundred years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace wzrun::cmd
