#include "options.h"

#include "cli11.h"
#include "report.h"
#include "suggest.h"

#include "wzrun/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace wzrun::cmd {
namespace {

bool is_option(std::string_view word) { return word.size() > 1 && word[0] == '-' && word != "--"; }

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

bool OptionList::Definition::takes_value() const {
  return !std::holds_alternative<Help>(target) && !std::holds_alternative<std::reference_wrapper<bool>>(target);
}

bool OptionList::Definition::is_value_optional() const { return std::holds_alternative<OptionalValue>(target); }

std::string OptionList::Definition::type_name() const {
  const auto* const choice = std::get_if<Choice>(&target);
  return choice != nullptr ? fmt::format("{}", fmt::join(choice->words, "|")) : type;
}

/// `-v, --verbose` or `    --dir HOST[::GUEST][:ro]`
std::string OptionList::Definition::synopsis() const {
  auto synopsis =
      short_name.empty() ? fmt::format("    --{}", long_name) : fmt::format("-{}, --{}", short_name, long_name);
  if (takes_value())
    synopsis += (is_value_optional() ? "" : " ") + type_name();
  return synopsis;
}

void OptionList::Definition::add_to(CLI::App& app) const {
  const auto name =
      short_name.empty() ? fmt::format("--{}", long_name) : fmt::format("-{},--{}", short_name, long_name);
  const auto add_word = [&](std::optional<std::string>& variable) {
    return app.add_option_function<std::string>(name, [&variable](const std::string& word) { variable = word; });
  };
  std::visit(Overloaded{
                 [&](Help) { app.set_help_flag(name); },
                 [&](std::reference_wrapper<bool> variable) { app.add_flag(name, variable.get()); },
                 [&](std::reference_wrapper<std::optional<std::string>> variable) { add_word(variable); },
                 [&](const OptionalValue& value) { add_word(value.variable)->expected(0, 1)->default_str(""); },
                 [&](const Choice& choice) {
                   app.add_option(name, choice.variable)
                       ->check(CLI::IsMember(std::vector<std::string>(choice.words.begin(), choice.words.end())));
                 },
                 [&](const Number& number) {
                   app.add_option(name, number.variable)->check(CLI::Range(number.least, number.most));
                 },
                 [&](std::reference_wrapper<std::vector<std::string>> variable) {
                   app.add_option(name, variable.get())
                       ->expected(1)
                       ->allow_extra_args(false)
                       ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
                 },
             },
             target);
}

Options::Options(std::string_view command, std::string_view usage, std::string_view examples, Define define)
    : command_(command), usage_(usage), examples_(examples), define_(std::move(define)) {}

std::vector<OptionList::Definition>& Options::definitions() {
  if (list_.definitions_.empty()) {
    list_.add("-h,--help", OptionList::Help(), nullptr, "print this help");
    define_(list_);
  }
  return list_.definitions_;
}

OptionList::Definition* Options::find(std::string_view name) {
  const bool is_long = name.starts_with("--");
  const auto found = std::ranges::find(definitions(), name.substr(is_long ? 2 : 1),
                                       is_long ? &Definition::long_name : &Definition::short_name);
  return found != definitions().end() && name.size() > 1 ? &*found : nullptr;
}

UsageError Options::unknown(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& option : definitions())
    known.push_back(fmt::format("--{}", option.long_name));
  const auto near = nearest(name, known);
  return {fmt::format("unknown option '{}': {}", printable(name),
                      near ? fmt::format("did you mean '{}'?", *near) : see_help())};
}

Options::Spelling Options::spell(std::string_view word) {
  if (word.starts_with("--")) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::nullopt : std::optional(word.substr(equals + 1));
    return {.names = {std::string(name)}, .value = value, .unknown = find(name) == nullptr ? name : ""};
  }
  Spelling spelling;
  for (std::size_t i = 1; i < word.size() && !spelling.value; ++i) {
    spelling.names.push_back({'-', word[i]});
    const auto* const option = find(spelling.names.back());
    if (option == nullptr)
      spelling.unknown = word;
    else if (option->takes_value() && i + 1 < word.size())
      spelling.value = word.substr(word[i + 1] == '=' ? i + 2 : i + 1);
  }
  return spelling;
}

Parsed<void> Options::take(Words& words, OnUnknown on_unknown) {
  while (!words.empty() && is_option(words.front())) {
    const auto word = words.front();
    const auto spelling = spell(word);
    const auto& names = spelling.names;
    const bool asks_for_help =
        std::ranges::any_of(names, [&](const auto& name) { return find(name) == &definitions().front(); });
    if (on_unknown == OnUnknown::stop && (!spelling.unknown.empty() || asks_for_help))
      return {};
    if (!spelling.unknown.empty())
      return std::unexpected(unknown(spelling.unknown));
    words = words.subspan(1);
    for (const auto& name : names)
      find(name)->is_taken = true;

    const auto& name = names.back();
    const auto* const option = find(name);
    if (option->is_value_optional()) {
      taken_.emplace_back(word);
      continue;
    }
    taken_.insert(taken_.end(), names.begin(), names.end());
    if (!option->takes_value()) {
      if (spelling.value)
        return std::unexpected(UsageError{fmt::format("{} takes no value", name)});
    } else if (spelling.value) {
      taken_.emplace_back(*spelling.value);
    } else if (!words.empty()) {
      taken_.emplace_back(words.front());
      words = words.subspan(1);
    } else {
      return std::unexpected(UsageError{fmt::format("{} needs a value: {}", name, option->type_name())});
    }
  }
  return {};
}

Parsed<bool> Options::apply() {
  if (taken_.empty())
    return true;
  std::ranges::reverse(taken_);  // as CLI11 wants it
  CLI::App app;
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_help_flag();
  for (const auto& option : definitions())
    if (option.is_taken)
      option.add_to(app);
  try {
    app.parse(std::move(taken_));
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ParseError& error) {
    return std::unexpected(UsageError{printable(error.what())});
  }
  return true;
}

std::string Options::help() {
  std::size_t width = 0;
  for (const auto& option : definitions())
    width = std::max(width, option.synopsis().size());
  auto text = fmt::format("Usage: {}\n\nOptions:\n", usage_);
  for (const auto& option : definitions())
    fmt::format_to(std::back_inserter(text), "  {:<{}}  {}\n", option.synopsis(), width, option.text);
  fmt::format_to(std::back_inserter(text), "\n{}", examples_);
  return text;
}

void OptionList::add(std::string_view names, Target target, const char* type, const char* text) {
  const auto dashes = names.find("--");  // "-s,--long" or "--long"
  definitions_.push_back({.short_name = dashes == 0 ? "" : names.substr(1, 1),
                          .long_name = names.substr(dashes + 2),
                          .target = std::move(target),
                          .type = type,
                          .text = text});
}

void OptionList::flag(const char* name, bool& variable, const char* text) {
  add(name, std::ref(variable), nullptr, text);
}

void OptionList::value(const char* name, std::optional<std::string>& variable, const char* type, const char* text) {
  add(name, std::ref(variable), type, text);
}

void OptionList::optional_value(const char* name, std::optional<std::string>& variable, const char* type,
                                const char* text) {
  add(name, OptionalValue{variable}, type, text);
}

void OptionList::choice(const char* name, std::string& variable, std::initializer_list<const char*> words,
                        const char* text) {
  add(name, Choice{variable, words}, nullptr, text);
}

void OptionList::number(const char* name, std::optional<unsigned>& variable, unsigned least, unsigned most,
                        const char* type, const char* text) {
  add(name, Number{variable, least, most}, type, text);
}

void OptionList::list(const char* name, std::vector<std::string>& variable, const char* type, const char* text) {
  add(name, std::ref(variable), type, text);
}

void add_opt_option(OptionList& list, std::optional<unsigned>& level) {
  list.number(
      "--opt", level, 0, RuntimeConfig::kMaxOptLevel, "0..3",
      "how hard the compiler tries; code of another level is not used; default 2, and better where there is some");
}

void add_jobs_option(OptionList& list, std::optional<unsigned>& jobs) {
  list.number("-j,--jobs", jobs, 1, 1024, "N", "threads that validate and compile; default one for each processor");
}

Parsed<std::optional<std::vector<std::string>>> read_operands(Options& options, Words words) {
  std::vector<std::string> operands;
  while (!words.empty()) {
    if (const auto taken = options.take(words, Options::OnUnknown::fail); !taken)
      return std::unexpected(taken.error());
    if (words.empty())
      break;
    if (words.front() == "--") {
      operands.insert(operands.end(), words.begin() + 1, words.end());
      break;
    }
    operands.emplace_back(words.front());
    words = words.subspan(1);
  }
  const auto applied = options.apply();
  if (!applied)
    return std::unexpected(applied.error());
  if (!*applied)
    return std::nullopt;
  return operands;
}

}  // namespace wzrun::cmd
