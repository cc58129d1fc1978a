#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wzrun::cmd {

/// `512MiB`, `64k` (1024 for K, M, G, T and KiB...; 1000 for kB, MB...), or plain bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// `30s`, `1.5h`, `500ms`, `1m30s`. The unit is required; at most a hundred years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// `17 B`, `12.3 KiB`, `456.7 MiB`.
std::string human_size(std::uint64_t bytes);

/// In the largest whole unit: `5 s`, `12 min`, `3 h`, `40 d`.
std::string human_age(std::chrono::seconds age);

}  // namespace wzrun::cmd
