#include "runtime/gdb_interface.h"

#include <elf.h>
#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

// The interface: the debugger finds these names, breaks at the function and reads the list. A program may contain
// another producer, LLVM's; then theirs are used.

extern "C" {

struct JitCodeEntry {
  JitCodeEntry* next_entry;
  JitCodeEntry* prev_entry;
  const char* symfile_addr;
  std::uint64_t symfile_size;
};

struct JitDescriptor {
  std::uint32_t version;
  std::uint32_t action_flag;
  JitCodeEntry* relevant_entry;
  JitCodeEntry* first_entry;
};

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
[[gnu::weak, gnu::noinline, gnu::used, gnu::visibility("default")]] void __jit_debug_register_code() {
  __asm__ volatile("" ::: "memory");
}

[[gnu::weak, gnu::used, gnu::visibility("default")]] JitDescriptor __jit_debug_descriptor = {1, 0, nullptr, nullptr};
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
}

namespace wzrun::runtime {

namespace {

constexpr std::uint32_t kRegister = 1;
constexpr std::uint32_t kUnregister = 2;

std::mutex listing;

void tell(std::uint32_t action, JitCodeEntry& entry) {
  __jit_debug_descriptor.action_flag = action;
  __jit_debug_descriptor.relevant_entry = &entry;
  __jit_debug_register_code();
  __jit_debug_descriptor.action_flag = 0;
  __jit_debug_descriptor.relevant_entry = nullptr;
}

/// An ELF file of symbols for code that is elsewhere in memory.
class SymbolFile {
 public:
  explicit SymbolFile(std::span<const CodeSymbol> symbols) {
    const auto* const begin = symbols.front().code.data();
    const auto* const end = symbols.back().code.data() + symbols.back().code.size();
    std::string names(1, '\0');
    std::vector<Elf64_Sym> table(1);
    for (const auto& [code, name] : symbols) {
      Elf64_Sym symbol{};
      symbol.st_name = static_cast<Elf64_Word>(names.size());
      symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
      symbol.st_shndx = kText;
      symbol.st_value = reinterpret_cast<std::uintptr_t>(code.data());
      symbol.st_size = code.size();
      table.push_back(symbol);
      names.append(name).append(1, '\0');
    }
    bytes_.resize(sizeof(Elf64_Ehdr));
    auto& text = sections_[kText];
    text = section(".text", SHT_NOBITS, {});
    text.sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    text.sh_addr = reinterpret_cast<std::uintptr_t>(begin);
    text.sh_size = static_cast<Elf64_Xword>(end - begin);
    auto& symbol_table = sections_[kSymbols];
    symbol_table =
        section(".symtab", SHT_SYMTAB, {reinterpret_cast<const char*>(table.data()), table.size() * sizeof table[0]});
    symbol_table.sh_link = kStrings;
    symbol_table.sh_info = 1;  // the first that is not local
    symbol_table.sh_entsize = sizeof(Elf64_Sym);
    sections_[kStrings] = section(".strtab", SHT_STRTAB, names);
    sections_[kSectionNames] = section(".shstrtab", SHT_STRTAB, {});
    sections_[kSectionNames].sh_size = section_names_.size();
    bytes_.insert(bytes_.end(), section_names_.begin(), section_names_.end());
    finish();
  }

  const std::vector<char>& bytes() const { return bytes_; }

 private:
  enum : std::uint8_t { kNone, kText, kSymbols, kStrings, kSectionNames, kSections };

  Elf64_Shdr section(std::string_view name, Elf64_Word type, std::string_view content) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<Elf64_Word>(section_names_.size());
    section_names_.append(name).append(1, '\0');
    align();
    header.sh_type = type;
    header.sh_offset = bytes_.size();
    header.sh_size = content.size();
    header.sh_addralign = 8;
    bytes_.insert(bytes_.end(), content.begin(), content.end());
    return header;
  }
  void align() { bytes_.resize((bytes_.size() + 7) / 8 * 8); }
  void finish() {
    align();
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
#if defined(__x86_64__)
    header.e_machine = EM_X86_64;
#elif defined(__aarch64__)
    header.e_machine = EM_AARCH64;
#endif
    header.e_version = EV_CURRENT;
    header.e_shoff = bytes_.size();
    header.e_ehsize = sizeof header;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = kSections;
    header.e_shstrndx = kSectionNames;
    std::memcpy(bytes_.data(), &header, sizeof header);
    const auto* const table = reinterpret_cast<const char*>(sections_.data());
    bytes_.insert(bytes_.end(), table, table + sizeof sections_);
  }

  std::vector<char> bytes_;
  std::array<Elf64_Shdr, kSections> sections_{};
  std::string section_names_ = std::string(1, '\0');
};

/// An entry of the debugger's list.
class Shown {
 public:
  explicit Shown(std::span<const CodeSymbol> symbols)
      : file_(symbols), entry_{nullptr, nullptr, file_.bytes().data(), file_.bytes().size()} {
    const std::scoped_lock lock(listing);
    entry_.next_entry = __jit_debug_descriptor.first_entry;
    if (entry_.next_entry != nullptr)
      entry_.next_entry->prev_entry = &entry_;
    __jit_debug_descriptor.first_entry = &entry_;
    tell(kRegister, entry_);
  }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;
  ~Shown() {
    const std::scoped_lock lock(listing);
    auto*& before = entry_.prev_entry != nullptr ? entry_.prev_entry->next_entry : __jit_debug_descriptor.first_entry;
    before = entry_.next_entry;
    if (entry_.next_entry != nullptr)
      entry_.next_entry->prev_entry = entry_.prev_entry;
    tell(kUnregister, entry_);
  }

 private:
  SymbolFile file_;
  JitCodeEntry entry_;
};

}  // namespace

std::shared_ptr<const void> show_to_debugger(std::span<const CodeSymbol> symbols) {
  if (symbols.empty())
    return nullptr;
  return std::make_shared<const Shown>(symbols);
}

}  // namespace wzrun::runtime
