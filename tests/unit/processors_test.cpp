#include "runtime/processors.h"

#include "temp_dir.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>

namespace wzrun::runtime {
namespace {

/// The files that Linux shows of a process's control groups.
class Groups {
 public:
  explicit Groups(const std::string& processes) { write("cgroup", processes); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((dir_ / name).parent_path());
    dir_.write(name, text);
  }
  std::optional<double> quota() const { return processor_quota((dir_ / "cgroup").string(), dir_.path().string()); }

 private:
  test::TempDir dir_;
};

}  // namespace

TEST_CASE("processors: without control groups there is no quota") {
  CHECK_FALSE(processor_quota("/nonexistent/cgroup", "/nonexistent"));
  CHECK_FALSE(Groups("0::/\n").quota());
}

TEST_CASE("processors: version 2: the least of the group and those around it") {
  const Groups groups("0::/outer/inner\n");
  groups.write("outer/inner/cpu.max", "300000 100000\n");
  CHECK(groups.quota() == 3.0);
  groups.write("outer/cpu.max", "75000 50000\n");
  CHECK(groups.quota() == 1.5);
  groups.write("outer/cpu.max", "max 100000\n");
  CHECK(groups.quota() == 3.0);
}

TEST_CASE("processors: version 2 in a container: its own group is the root") {
  const Groups groups("0::/\n");
  groups.write("cpu.max", "200000 100000\n");
  CHECK(groups.quota() == 2.0);
}

TEST_CASE("processors: version 1: the hierarchy of the cpu controller, at its root where the path is the host's") {
  const Groups groups("5:cpuset:/a\n4:cpuacct,cpu:/host/only\n3:memory:/b\n0::/\n");
  groups.write("cpu/cpu.cfs_quota_us", "50000\n");
  groups.write("cpu/cpu.cfs_period_us", "100000\n");
  groups.write("cpu/a/cpu.cfs_quota_us", "1000\n");
  groups.write("cpu/a/cpu.cfs_period_us", "100000\n");
  CHECK(groups.quota() == 0.5);
  groups.write("cpu/cpu.cfs_quota_us", "-1\n");
  CHECK_FALSE(groups.quota());
}

TEST_CASE("processors: what makes no sense is no quota") {
  const Groups groups("0::/\nnonsense\n7:cpu\n:cpu:/x\n");
  for (const char* const text : {"", "0 100000\n", "100000 0\n", "-5 100000\n", "a b\n"}) {
    INFO(text);
    groups.write("cpu.max", text);
    CHECK_FALSE(groups.quota());
  }
}

TEST_CASE("processors: there is at least one") { CHECK(usable_processors() >= 1); }

}  // namespace wzrun::runtime
