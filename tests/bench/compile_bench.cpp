#include "runtime/compiler.h"
#include "wasm/decoder.h"
#include "wasm/validator.h"
#include "wzrun/runtime.h"

#include <fmt/format.h>

#include <sys/resource.h>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

/// Compiles modules and prints how fast. usage: wzrun_bench_compile_bench [--opt N] [--threads N] [--checked] [--ir]
/// [-o IMAGE] MODULE...
int main(int argc, char** argv) {
  using namespace wzrun;  // NOLINT(google-build-using-namespace)
  runtime::CompileOptions options;
  const char* output = nullptr;
  fmt::print("{:<28} {:>10} {:>9} {:>8} {:>10} {:>9}\n", "module", "code", "seconds", "MB/s", "image", "peak MiB");
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--opt")
      options.opt_level = static_cast<unsigned>(std::atoi(argv[++i]));
    else if (word == "--threads")
      options.threads = static_cast<unsigned>(std::atoi(argv[++i]));
    else if (word == "--checked")
      options.guarded = false;
    else if (word == "--ir")
      options.print_ir = true;
    else if (word == "-o")
      output = argv[++i];
    if (word.starts_with("-"))
      continue;
    const auto bytes = ModuleBytes::from_file(argv[i]);
    if (!bytes) {
      fmt::print(stderr, "{}: {}\n", word, bytes.error().to_string());
      return 1;
    }
    const auto module = wasm::decode(bytes->view(), CoreFeatures::all);
    if (!module || !wasm::validate(*module, {})) {
      fmt::print(stderr, "{}: not a valid module\n", word);
      return 1;
    }
    std::size_t code = 0;
    for (const auto& body : module->code)
      code += body.bytes.size();
    const auto start = std::chrono::steady_clock::now();
    const auto image = runtime::compile_image(bytes->view(), CoreFeatures::all, options);
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!image) {
      fmt::print(stderr, "{}: {}\n", word, image.error().to_string());
      return 1;
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    fmt::print("{:<28} {:>10} {:>9.3f} {:>8.3f} {:>10} {:>9}\n", word.substr(word.rfind('/') + 1), code, seconds,
               static_cast<double>(code) / 1e6 / seconds, image->size(), usage.ru_maxrss / 1024);
    if (output != nullptr)
      std::ofstream(output, std::ios::binary)
          .write(reinterpret_cast<const char*>(image->data()), static_cast<std::streamsize>(image->size()));
  }
  return 0;
}
