#include "wasi/filestat.h"
#include "wasi/guest_memory.h"
#include "wasi/timestamp.h"
#include "wasi/wasi_errno.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <cerrno>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

using namespace wzrun::wasi;

TEST_CASE("errno: the numbers are those of the documents") {
  CHECK(static_cast<int>(Errno::success) == 0);
  CHECK(static_cast<int>(Errno::e2big) == 1);
  CHECK(static_cast<int>(Errno::badf) == 8);
  CHECK(static_cast<int>(Errno::inval) == 28);
  CHECK(static_cast<int>(Errno::noent) == 44);
  CHECK(static_cast<int>(Errno::perm) == 63);
  CHECK(static_cast<int>(Errno::notcapable) == 76);
}

TEST_CASE("errno: every number has its own name, and the host's errors stay apart") {
  std::set<std::string_view> names;
  for (int i = 0; i <= 76; ++i)
    names.insert(to_string(static_cast<Errno>(i)));
  CHECK(names.size() == 77);

  std::set<Errno> distinct;
  int known = 0;
  for (int host = 1; host <= 133; ++host)
    if (const auto error = from_host(host); error != Errno::io || host == EIO) {
      ++known;
      distinct.insert(error);
    }
  CHECK(distinct.size() == 75);
  CHECK(known == 76);  // ENODATA is told as ENOMSG; EAGAIN is EWOULDBLOCK and EOPNOTSUPP is ENOTSUP
  CHECK(from_host(ENOSPC) == Errno::nospc);
  CHECK(from_host(EDQUOT) == Errno::dquot);
  CHECK(from_host(EXDEV) == Errno::xdev);
  CHECK(from_host(99999) == Errno::io);
  CHECK(from_host(-1) == Errno::io);
}

TEST_CASE("guest memory: a range is inside, or EFAULT, without wrapping") {
  std::vector<std::uint8_t> bytes(100);
  const GuestMemory memory{bytes};
  CHECK(memory.range(0, 100));
  CHECK(memory.range(100, 0));
  CHECK(memory.range(99, 1));
  CHECK(memory.range(101, 0).error() == Errno::fault);
  CHECK(memory.range(99, 2).error() == Errno::fault);
  CHECK(memory.range(~std::uint64_t{0}, 2).error() == Errno::fault);
  CHECK(memory.range(2, ~std::uint64_t{0}).error() == Errno::fault);
  CHECK(memory.read<std::uint64_t>(92));
  CHECK(memory.read<std::uint64_t>(93).error() == Errno::fault);
  CHECK(memory.write(97, std::uint32_t{1}).error() == Errno::fault);
  CHECK(GuestMemory{{}}.read<std::uint8_t>(0).error() == Errno::fault);
}

TEST_CASE("timestamps: times before 1970 are 0, those past the year 2554 the last that fits") {
  CHECK(timestamp_of({.tv_sec = 1, .tv_nsec = 5}) == 1'000'000'005);
  CHECK(timestamp_of({.tv_sec = -1, .tv_nsec = 999'999'999}) == 0);
  CHECK(timestamp_of({.tv_sec = 10'000'000'000, .tv_nsec = 0}) == 10'000'000'000'000'000'000U);
  CHECK(timestamp_of({.tv_sec = 20'000'000'000, .tv_nsec = 0}) == UINT64_MAX);
  CHECK(timespec_of(UINT64_MAX).tv_sec == 18'446'744'073);
  CHECK(timespec_of(UINT64_MAX).tv_nsec == 709'551'615);
}

TEST_CASE("fstflags: both ways to say a time, or an unknown flag, are EINVAL") {
  timespec times[2];
  CHECK(timespecs_of(1, 2, fstflags::atim | fstflags::atim_now, times).error() == Errno::inval);
  CHECK(timespecs_of(1, 2, fstflags::mtim | fstflags::mtim_now, times).error() == Errno::inval);
  CHECK(timespecs_of(1, 2, 16, times).error() == Errno::inval);
  REQUIRE(timespecs_of(1, 2, fstflags::atim | fstflags::mtim_now, times));
  CHECK(times[0].tv_nsec == 1);
  CHECK(times[1].tv_nsec == UTIME_NOW);
  REQUIRE(timespecs_of(1, 2, 0, times));
  CHECK(times[0].tv_nsec == UTIME_OMIT);
  CHECK(times[1].tv_nsec == UTIME_OMIT);
}
