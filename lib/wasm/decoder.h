#pragma once

#include "wasm/module.h"

namespace wzrun::wasm {

struct DecodeOptions {
  bool keep_custom_sections = true;  ///< false: only their framing is checked
  bool bodies_are_absent = false;  ///< the code section is as without_bodies() leaves it; Module::code has empty bodies
};

/// Reads the module's sections. Types are canonical afterwards and every index outside of bodies and constant
/// expressions names something that exists; bodies and constant expressions are located, not read.
/// The module keeps views into `bytes`, which must outlive it.
/// Errors: malformed; invalid where a section contradicts itself or another; unsupported for a feature that is
/// switched off and past wasm/limits.h.
/// Source: Wasm 3.0, 5.5.
Expected<Module> decode(Bytes bytes, CoreFeatures features, DecodeOptions options = {});

}  // namespace wzrun::wasm
