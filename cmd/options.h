#pragma once

#include "command.h"

#include <expected>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// Only options.cpp includes CLI11: each file that does has all of its validators made at each start.
namespace CLI {  // NOLINT(readability-identifier-naming)
class App;
}  // namespace CLI

namespace wzrun::cmd {

/// What is wrong with a command line, one line.
struct UsageError {
  std::string message;
};
template <typename T>
using Parsed = std::expected<T, UsageError>;

/// What options a command has. A name is "--long" or "-s,--long"; `type` is how help calls a value. Of an option that
/// is given twice the later one counts.
class OptionList {
 public:
  void flag(const char* name, bool& variable, const char* text);
  void value(const char* name, std::optional<std::string>& variable, const char* type, const char* text);
  /// The value may be left out, and stands behind an equals sign otherwise: `NAME[=VALUE]`.
  void optional_value(const char* name, std::optional<std::string>& variable, const char* type, const char* text);
  /// One of some words.
  void choice(const char* name, std::string& variable, std::initializer_list<const char*> words, const char* text);
  void number(const char* name, std::optional<unsigned>& variable, unsigned least, unsigned most, const char* type,
              const char* text);
  /// May be given several times, one value each time.
  void list(const char* name, std::vector<std::string>& variable, const char* type, const char* text);

 private:
  friend class Options;

  struct OptionalValue {
    std::optional<std::string>& variable;
  };
  struct Choice {
    std::string& variable;
    std::vector<const char*> words;
  };
  struct Number {
    std::optional<unsigned>& variable;
    unsigned least, most;
  };
  struct Help {};
  /// What an option sets.
  using Target = std::variant<Help, std::reference_wrapper<bool>, std::reference_wrapper<std::optional<std::string>>,
                              OptionalValue, Choice, Number, std::reference_wrapper<std::vector<std::string>>>;
  /// An option as it was listed. CLI11 gets those that are on the command line: to make all of them takes it longer
  /// than a small program runs.
  struct Definition {
    std::string_view short_name, long_name;  ///< without dashes
    Target target;
    const char* type;  ///< of a choice: null
    const char* text;
    bool is_taken = false;

    bool takes_value() const;
    bool is_value_optional() const;  ///< and stands only behind an equals sign
    std::string type_name() const;
    std::string synopsis() const;
    void add_to(CLI::App& app) const;
  };

  void add(std::string_view names, Target target, const char* type, const char* text);

  std::vector<Definition> definitions_;
};

/// `--opt` and `--jobs`.
void add_opt_option(OptionList& list, std::optional<unsigned>& level);
void add_jobs_option(OptionList& list, std::optional<unsigned>& jobs);

/// The options of a command. CLI11 reads their values; which words are options is decided here, because the program's
/// arguments stand on the same command line and must not be touched.
class Options {
 public:
  using Define = std::function<void(OptionList&)>;
  /// `define` runs when the first word needs it: most runs have no options.
  Options(std::string_view command, std::string_view usage, std::string_view examples, Define define);

  enum class OnUnknown {
    fail,
    stop,  ///< it belongs to the program, and so do `--help` and `--version`
  };
  /// Takes the options in front of `words` off it, up to the first other word, `--` or `-`.
  Parsed<void> take(Words& words, OnUnknown on_unknown);
  /// Sets the variables that `define` bound. False if help was asked for.
  Parsed<bool> apply();

  std::string help();
  /// Ends a message about a wrong command line.
  std::string see_help() const { return "see wzrun " + std::string(command_) + " --help"; }

 private:
  /// What one word says: `--jobs=4`, `-j4`, `-vj4` (the same as `-v -j 4`).
  struct Spelling {
    std::vector<std::string> names;  ///< at least one; all but the last have no value
    std::optional<std::string_view> value;
    std::string_view unknown;  ///< what there is no such option for, or empty
  };
  Spelling spell(std::string_view word);

  using Definition = OptionList::Definition;

  std::vector<Definition>& definitions();
  Definition* find(std::string_view name);
  UsageError unknown(std::string_view name);

  std::string_view command_, usage_, examples_;
  Define define_;
  OptionList list_;
  std::vector<std::string> taken_;  ///< each option's name, and then its value if it has one
};

/// For commands whose words are all wzrun's: the operands, with options anywhere before `--`.
/// Nothing if help was asked for.
Parsed<std::optional<std::vector<std::string>>> read_operands(Options& options, Words words);

}  // namespace wzrun::cmd
