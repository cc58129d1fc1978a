#pragma once

#include "wasi/owned_fd.h"

#include <cstdint>
#include <string>
#include <vector>

namespace wzrun::cli {

/// What --listen prints before an address.
inline const std::string kListening = "wzrun: listening on ";

/// The ports that wzrun has printed, in order.
std::vector<std::uint16_t> ports(const std::string& errors);

/// A connection to 127.0.0.1.
wasi::OwnedFd connect_to(std::uint16_t port);

}  // namespace wzrun::cli
