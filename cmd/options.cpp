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
bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }
/// Only behind an equals sign.
bool is_value_optional(const CLI::Option& option) { return option.get_items_expected_min() == 0; }

/// `-v, --verbose` or `    --dir HOST[::GUEST][:ro]`
std::string synopsis(const CLI::Option& option) {
  std::string text = option.get_snames().empty() ? "    " : "-" + option.get_snames().front() + ", ";
  text += "--" + option.get_lnames().front();
  if (takes_value(option))
    text += (is_value_optional(option) ? "" : " ") + option.get_type_name();
  return text;
}

}  // namespace

Options::Options(std::string_view command, std::string_view usage, std::string_view examples, Define define)
    : command_(command), usage_(usage), examples_(examples), define_(std::move(define)) {}

Options::~Options() = default;

CLI::App& Options::app() {
  if (!app_) {
    app_ = std::make_unique<CLI::App>();
    app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app_->set_help_flag("-h,--help", "print this help");
    OptionList list(*app_);
    define_(list);
  }
  return *app_;
}

CLI::Option* Options::find(std::string_view name) {
  const bool is_long = name.starts_with("--");
  for (auto* option : app().get_options()) {
    const auto& names = is_long ? option->get_lnames() : option->get_snames();
    if (std::ranges::find(names, name.substr(is_long ? 2 : 1)) != names.end())
      return option;
  }
  return nullptr;
}

UsageError Options::unknown(std::string_view name) {
  std::vector<std::string> known;
  for (const auto* option : app().get_options())
    known.push_back("--" + option->get_lnames().front());
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
    else if (takes_value(*option) && i + 1 < word.size())
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
        std::ranges::any_of(names, [&](const auto& name) { return find(name) == app().get_help_ptr(); });
    if (on_unknown == OnUnknown::stop && (!spelling.unknown.empty() || asks_for_help))
      return {};
    if (!spelling.unknown.empty())
      return std::unexpected(unknown(spelling.unknown));
    words = words.subspan(1);

    const auto& name = names.back();
    const auto* const option = find(name);
    if (takes_value(*option) && is_value_optional(*option)) {
      taken_.emplace_back(word);
      continue;
    }
    taken_.insert(taken_.end(), names.begin(), names.end());
    if (!takes_value(*option)) {
      if (spelling.value)
        return std::unexpected(UsageError{fmt::format("{} takes no value", name)});
    } else if (spelling.value) {
      taken_.emplace_back(*spelling.value);
    } else if (!words.empty()) {
      taken_.emplace_back(words.front());
      words = words.subspan(1);
    } else {
      return std::unexpected(UsageError{fmt::format("{} needs a value: {}", name, option->get_type_name())});
    }
  }
  return {};
}

Parsed<bool> Options::apply() {
  if (taken_.empty())
    return true;
  std::ranges::reverse(taken_);  // as CLI11 wants it
  try {
    app().parse(std::move(taken_));
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ParseError& error) {
    return std::unexpected(UsageError{printable(error.what())});
  }
  return true;
}

std::string Options::help() {
  std::size_t width = 0;
  for (const auto* option : app().get_options())
    width = std::max(width, synopsis(*option).size());
  auto text = fmt::format("Usage: {}\n\nOptions:\n", usage_);
  for (const auto* option : app().get_options())
    fmt::format_to(std::back_inserter(text), "  {:<{}}  {}\n", synopsis(*option), width, option->get_description());
  fmt::format_to(std::back_inserter(text), "\n{}", examples_);
  return text;
}

namespace {

CLI::Option* add_word(CLI::App& app, const char* name, std::optional<std::string>& variable, const char* type,
                      const char* text) {
  return app.add_option_function<std::string>(
                name, [&variable](const std::string& word) { variable = word; }, text)
      ->type_name(type);
}

}  // namespace

void OptionList::flag(const char* name, bool& variable, const char* text) { app_->add_flag(name, variable, text); }

void OptionList::value(const char* name, std::optional<std::string>& variable, const char* type, const char* text) {
  add_word(*app_, name, variable, type, text);
}

void OptionList::optional_value(const char* name, std::optional<std::string>& variable, const char* type,
                                const char* text) {
  add_word(*app_, name, variable, type, text)->expected(0, 1)->default_str("");
}

void OptionList::choice(const char* name, std::string& variable, std::initializer_list<const char*> words,
                        const char* text) {
  app_->add_option(name, variable, text)
      ->type_name(fmt::format("{}", fmt::join(words, "|")))
      ->check(CLI::IsMember(std::vector<std::string>(words.begin(), words.end())).description(""));
}

void OptionList::number(const char* name, std::optional<unsigned>& variable, unsigned least, unsigned most,
                        const char* type, const char* text) {
  app_->add_option(name, variable, text)->type_name(type)->check(CLI::Range(least, most).description(""));
}

void OptionList::list(const char* name, std::vector<std::string>& variable, const char* type, const char* text) {
  app_->add_option(name, variable, text)
      ->type_name(type)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
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
