#pragma once

#include "runtime/instance.h"

#include <memory>

namespace wzrun::interp {

/// The engine that runs a module the moment it is validated; functions are translated at their first call.
std::unique_ptr<runtime::Engine> make_engine();

}  // namespace wzrun::interp
