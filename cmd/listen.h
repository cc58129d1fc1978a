#pragma once

#include "options.h"

#include "wzrun/wasi.h"

#include <string>
#include <vector>

namespace wzrun::cmd {

/// Listens where `--listen` says, HOST:PORT each time. Addresses whose port the system chose are printed to standard
/// error. Errors name the option.
Parsed<std::vector<wasi::ListeningSocket>> listen_on(const std::vector<std::string>& addresses);

}  // namespace wzrun::cmd
