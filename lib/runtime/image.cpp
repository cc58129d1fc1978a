#include "runtime/image.h"

#include "runtime/new_code.h"

#include <fmt/format.h>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

namespace wzrun::runtime {

namespace {

std::unexpected<Error> damaged(std::string_view what) {
  return std::unexpected(Error{ErrorKind::malformed, Error::kNoOffset, fmt::format("compiled code: {}", what)});
}

std::unexpected<Error> foreign(std::string_view what) {
  return std::unexpected(Error{ErrorKind::unsupported, Error::kNoOffset, fmt::format("compiled code: {}", what)});
}

std::unexpected<Error> refused(std::string_view what, int error = errno) {
  return std::unexpected(Error{ErrorKind::io, Error::kNoOffset,
                               fmt::format("compiled code: {}: {}", what, std::system_category().message(error))});
}

std::uint64_t page_size() {
  static const auto size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

/// Whether a table of `count` elements lies between header and code.
template <typename Element>
bool is_table(const ImagePart& part, const ImageHeader& header, std::uint64_t count) {
  constexpr auto element = sizeof(Element);
  constexpr auto alignment = alignof(Element);
  return part.offset >= sizeof(ImageHeader) && part.offset <= header.code.offset &&
         part.size <= header.code.offset - part.offset && part.size / element == count && part.size % element == 0 &&
         part.offset % alignment == 0;
}

/// Checks that all parts of an image of `size` bytes lie where they may.
Expected<void> check_layout(const ImageHeader& header, std::uint64_t size) {
  if (header.magic != kImageMagic)
    return damaged("not an image");
  if (header.format != kImageFormat)
    return foreign(fmt::format("format {}, this version reads {}", header.format, kImageFormat));
  if (header.total_size != size)
    return damaged(fmt::format("{} bytes, the header says {}", size, header.total_size));
  if (header.guarded > 1)
    return damaged("an unknown kind of memory");
  if (!std::has_single_bit(header.code_alignment) || header.code_alignment < page_size())
    return foreign(fmt::format("aligned to {} bytes, pages here have {}", header.code_alignment, page_size()));
  const auto& code = header.code;
  if (code.offset < sizeof(ImageHeader) || code.offset % header.code_alignment != 0 || code.offset > size ||
      code.size != size - code.offset || code.size >= kNoCode)
    return damaged("the code is not where it must be");
  const auto functions = header.functions.size / sizeof(std::uint32_t);
  if (!is_table<char>(header.target, header, header.target.size) ||
      !is_table<std::uint32_t>(header.members, header, header.members.size == 0 ? 0 : functions) ||
      !is_table<std::uint32_t>(header.functions, header, functions) ||
      !is_table<std::uint32_t>(header.tails, header, header.tails.size == 0 ? 0 : functions) ||
      !is_table<ImageLoop>(header.loops, header, header.loops.size / sizeof(ImageLoop)) ||
      !is_table<std::uint32_t>(header.entries, header, header.entries.size / sizeof(std::uint32_t)) ||
      !is_table<ImageRange>(header.ranges, header, header.ranges.size / sizeof(ImageRange)) ||
      !is_table<std::uint8_t>(header.lines, header, header.lines.size))
    return damaged("a table lies outside");
  return {};
}

/// Where two texts of targets differ first, if it is one of their parts.
std::string difference(std::string_view made, std::string_view expected) {
  constexpr std::string_view kBetween = "; ";
  for (;;) {
    const auto made_end = made.find(kBetween), expected_end = expected.find(kBetween);
    const auto made_part = made.substr(0, made_end), expected_part = expected.substr(0, expected_end);
    if (made_part != expected_part || made_end == made.npos || expected_end == expected.npos)
      return fmt::format("made for \"{}\", this is \"{}\"", made_part, expected_part);
    made.remove_prefix(made_end + kBetween.size());
    expected.remove_prefix(expected_end + kBetween.size());
  }
}

/// Checks the header of an image of `size` bytes; reads no other page than that of the target's text.
Expected<void> check(const std::uint8_t* image, std::uint64_t size, const ImageExpectation& expectation) {
  ImageHeader header;
  std::memcpy(&header, image, sizeof header);
  WZRUN_CHECK(check_layout(header, size));
  const bool all = header.members.size == 0;
  if ((all && header.functions.size != expectation.functions * sizeof(std::uint32_t)) ||
      header.entries.size != expectation.types * sizeof(std::uint32_t))
    return damaged("a table does not fit the module");
  const std::string_view target(reinterpret_cast<const char*>(image + header.target.offset), header.target.size);
  if (target != expectation.target)
    return foreign(difference(target, expectation.target));
  return {};
}

/// Memory that goes again unless it is kept.
class Mapping {
 public:
  /// What mmap returned.
  Mapping(void* address, std::size_t bytes) : address_(address), bytes_(bytes) {}
  Mapping(Mapping&& other) noexcept : address_(std::exchange(other.address_, MAP_FAILED)), bytes_(other.bytes_) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (address_ != MAP_FAILED)
      munmap(address_, bytes_);
  }

  explicit operator bool() const { return address_ != MAP_FAILED; }
  std::uint8_t* begin() const { return static_cast<std::uint8_t*>(address_); }
  /// Goes when nobody has it any more.
  std::shared_ptr<const std::uint8_t> share() {
    auto* const address = static_cast<std::uint8_t*>(std::exchange(address_, MAP_FAILED));
    return {address, [bytes = bytes_](const std::uint8_t* begin) { munmap(const_cast<std::uint8_t*>(begin), bytes); }};
  }

 private:
  void* address_;
  std::size_t bytes_;
};

bool make_executable(const Mapping& mapping) {
  ImageHeader header;
  std::memcpy(&header, mapping.begin(), sizeof header);
  return header.code.size == 0 ||
         mprotect(mapping.begin() + header.code.offset, header.code.size, PROT_READ | PROT_EXEC) == 0;
}

}  // namespace

bool is_image(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < sizeof(ImageHeader))
    return false;
  ImageHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return check_layout(header, bytes.size()).has_value();
}

namespace {

Expected<void> read_all(int descriptor, std::uint64_t offset, std::span<std::uint8_t> to) {
  while (!to.empty()) {
    const auto count = pread(descriptor, to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return refused("cannot read");
    if (count == 0)
      return damaged("the file ends too early");
    to = to.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

/// Fills an anonymous mapping with an image, which is writable only until it is there.
template <typename Fill>
Expected<Mapping> copied(std::uint64_t size, const ImageExpectation& expectation, const Fill& fill) {
  if (size < sizeof(ImageHeader))
    return damaged("shorter than its header");
  Mapping mapping(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
  if (!mapping)
    return refused("no memory");
  auto* const begin = mapping.begin();
  WZRUN_CHECK(fill(std::span(begin, size)));
  WZRUN_CHECK(check(begin, size, expectation));
  if (mprotect(begin, size, PROT_READ) != 0 || !make_executable(mapping))
    return refused("cannot make it executable");
  announce_new_code({begin, size});
  return mapping;
}

}  // namespace

/// Of one piece of memory.
Expected<std::shared_ptr<const Image>> Image::of(const Memory& bytes) {
  ImageHeader header;
  std::memcpy(&header, bytes.get(), sizeof header);
  const auto* const code = bytes.get() + header.code.offset;
  return std::shared_ptr<const Image>(new Image(bytes, {bytes, code}));
}

Expected<std::shared_ptr<const Image>> Image::from_bytes(std::span<const std::uint8_t> bytes,
                                                         const ImageExpectation& expectation) {
  auto mapping = WZRUN_TRY(copied(bytes.size(), expectation, [&](std::span<std::uint8_t> to) -> Expected<void> {
    std::ranges::copy(bytes, to.begin());
    return {};
  }));
  return of(mapping.share());
}

Expected<std::shared_ptr<const Image>> Image::in_arena(std::span<const std::uint8_t> bytes,
                                                       const ImageExpectation& expectation, CodeArena& arena) {
  if (!is_image(bytes))  // which tells where its code is
    return from_bytes(bytes, expectation);
  ImageHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto head = std::make_shared<std::vector<std::uint8_t>>(
      bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header.code.offset));
  WZRUN_CHECK(check(head->data(), bytes.size(), expectation));
  auto code = arena.add(bytes.subspan(header.code.offset));
  if (code == nullptr)
    return from_bytes(bytes, expectation);
  return std::shared_ptr<const Image>(new Image({head, head->data()}, std::move(code)));
}

Expected<std::shared_ptr<const Image>> Image::from_file(int descriptor, std::uint64_t offset, std::uint64_t size,
                                                        const ImageExpectation& expectation) {
  if (size < sizeof(ImageHeader))
    return damaged("shorter than its header");
  if (offset % page_size() == 0) {
    // A mapping beyond the file's end faults: see that all of it is there.
    struct stat status{};
    if (fstat(descriptor, &status) != 0)
      return refused("cannot read");
    const auto end = static_cast<std::uint64_t>(status.st_size);
    if (end < offset || end - offset < size)
      return damaged("the file ends too early");
    Mapping mapping(mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, static_cast<off_t>(offset)), size);
    if (!mapping)
      return refused("cannot map");
    WZRUN_CHECK(check(mapping.begin(), size, expectation));
    if (make_executable(mapping))
      return of(mapping.share());
  }
  return copy_of_file(descriptor, offset, size, expectation);
}

Expected<std::shared_ptr<const Image>> Image::copy_of_file(int descriptor, std::uint64_t offset, std::uint64_t size,
                                                           const ImageExpectation& expectation) {
  auto mapping = WZRUN_TRY(
      copied(size, expectation, [&](std::span<std::uint8_t> to) { return read_all(descriptor, offset, to); }));
  return of(mapping.share());
}

std::uint32_t Image::position(std::uint32_t defined_index) const {
  const auto list = members();
  if (list.empty())
    return defined_index;
  const auto found = std::ranges::lower_bound(list, defined_index);
  const bool is_member = found != list.end() && *found == defined_index;
  return static_cast<std::uint32_t>(is_member ? found - list.begin() : std::ssize(list));
}

const void* Image::code_at(const ImagePart& part, std::uint32_t index) const {
  const auto offsets = table<std::uint32_t>(part);
  return index < offsets.size() ? code_at(offsets[index]) : nullptr;
}

const void* Image::code_at(std::uint32_t offset) const {
  return offset < header().code.size ? code_.get() + offset : nullptr;
}

LoopEntry Image::loop_entry(const ImageLoop& loop) const {
  return reinterpret_cast<LoopEntry>(reinterpret_cast<std::uintptr_t>(code_at(loop.begin)));
}

const ImageRange* Image::range_at(std::uint64_t code_offset) const {
  const auto all = ranges();
  const auto after = std::ranges::upper_bound(all, code_offset, {}, &ImageRange::begin);
  if (after == all.begin())
    return nullptr;
  const auto& range = *std::prev(after);
  return code_offset < range.end ? &range : nullptr;
}

namespace {

/// LEB128 numbers up to an end that may come too early.
struct LineReader {
  const std::uint8_t* at;
  const std::uint8_t* end;

  bool done() const { return at >= end; }
  std::uint64_t read(bool is_signed) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
      const std::uint8_t byte = *at++;
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80) != 0)
        continue;
      if (is_signed && (byte & 0x40) != 0 && shift + 7 < 64)
        value |= ~std::uint64_t{0} << (shift + 7);
      break;
    }
    return value;
  }
};

}  // namespace

std::uint64_t Image::module_offset(const ImageRange& range, std::uint64_t code_offset) const {
  const auto& ranges = header().ranges;
  const auto& lines = header().lines;
  const auto* const next = &range + 1;
  const auto* const end = reinterpret_cast<const ImageRange*>(base_ + ranges.offset + ranges.size);
  const std::uint64_t begin_line = std::min<std::uint64_t>(range.lines, lines.size);
  const std::uint64_t end_line = next < end ? std::min<std::uint64_t>(next->lines, lines.size) : lines.size;
  if (end_line <= begin_line)
    return 0;
  LineReader in{base_ + lines.offset + begin_line, base_ + lines.offset + end_line};
  std::uint64_t code = range.begin;
  std::uint64_t module = 0;
  std::uint64_t result = 0;
  while (!in.done()) {
    code += in.read(false);
    module += in.read(true);
    if (code > code_offset)
      break;
    result = module;
  }
  return result;
}

bool Image::checksum_holds() const {
  Checksummer sum;
  sum.update(std::span(base_ + sizeof(ImageHeader), base_ + header().code.offset));
  sum.update(code());
  return sum.finish() == header().checksum;
}

}  // namespace wzrun::runtime
