#pragma once

#include "wasi/owned_fd.h"
#include "wzrun/wasi.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace wzrun::test {

/// A connection to a socket that listens on this machine. Receiving gives up after a minute.
wasi::OwnedFd connect_to(const wasi::ListeningSocket& socket);
/// False if the other side has gone.
bool send_all(const wasi::OwnedFd& socket, std::string_view bytes);
/// Fewer bytes if the other side has ended.
std::string receive_exactly(const wasi::OwnedFd& socket, std::size_t size);
/// Ends a connection in disorder: the other side sees that it was reset.
void reset(wasi::OwnedFd socket);

}  // namespace wzrun::test
