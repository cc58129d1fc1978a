/// Waiting is one ppoll(2) over all descriptors with the nearest clock as its timeout. Boost.Asio is not used here: it
/// waits through epoll, which refuses regular files, and would register each descriptor of the program and release it
/// again, to do in eight system calls what ppoll does in one.
#include "clock.h"
#include "functions.h"
#include "node.h"
#include "timestamp.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <optional>
#include <thread>
#include <vector>

namespace wzrun::wasi {
namespace {

constexpr auto kNever = UINT64_MAX;

Subscription as_preview1(const Subscription& subscription) { return subscription; }
Subscription as_preview1(const Preview0Subscription& old) {
  return {.userdata = old.userdata,
          .type = old.type,
          .fd_or_clock = old.type == EventType::clock ? old.clock : static_cast<std::uint32_t>(old.fd_or_identifier),
          .timeout_ns = old.timeout_ns,
          .precision_ns = old.precision_ns,
          .flags = old.flags};
}

/// When the clocks that the program waits for will have come so far, counted from the beginning of the call: real and
/// monotonic time by the host's monotonic clock, processor time by the clock of the process or thread.
class Deadlines {
 public:
  /// A point in time: nanoseconds of one of the host's clocks after the call began.
  struct Due {
    std::size_t clock;
    std::uint64_t ns;
  };

  explicit Deadlines(const ModuleConfig& config) : config_(config) { start(kMonotonic); }

  /// Errors: EINVAL for clocks that do not exist.
  Try<Due> due(const Subscription& subscription) {
    const auto id = subscription.fd_or_clock;
    if (id >= std::size(kClockOf))
      return fail(Errno::inval);
    const auto clock = kClockOf[id];
    start(clock);
    if ((subscription.flags & subclockflags::abstime) == 0)
      return Due{clock, subscription.timeout_ns};
    if (!now_[id])
      now_[id] = WZRUN_TRY(clock_now_ns(config_, id));
    return Due{clock, subscription.timeout_ns > *now_[id] ? subscription.timeout_ns - *now_[id] : 0};
  }
  void wait_for(Due due) { nearest_[due.clock] = std::min(nearest_[due.clock], due.ns); }
  void wait_for_nothing() { nearest_[kMonotonic] = 0; }

  /// Reads the clocks.
  void look() {
    for (std::size_t clock = 0; clock < std::size(kHost); ++clock)
      if (began_[clock])
        elapsed_[clock] = read(clock) - *began_[clock];
  }
  bool passed(Due due) const { return due.ns <= elapsed_[due.clock]; }
  bool any_passed() const {
    for (std::size_t clock = 0; clock < std::size(kHost); ++clock)
      if (nearest_[clock] <= elapsed_[clock])
        return true;
    return false;
  }
  /// How long to wait before the clocks are looked at again, kNever for ever. Processor time passes at most as fast as
  /// all processors can spend it.
  std::uint64_t timeout_ns() const {
    constexpr std::uint64_t kLeastNs = 1'000'000;
    auto result = left(kMonotonic);
    for (const auto clock : {kProcess, kThread}) {
      if (nearest_[clock] == kNever)
        continue;
      const auto processors = clock == kProcess ? std::max(1U, std::thread::hardware_concurrency()) : 1;
      const auto ns = left(clock);
      result = std::min(result, ns == 0 ? 0 : std::max(ns / processors, kLeastNs));
    }
    return result;
  }

 private:
  static constexpr std::size_t kMonotonic = 0;
  static constexpr std::size_t kProcess = 1;
  static constexpr std::size_t kThread = 2;
  static constexpr clockid_t kHost[] = {CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
  static constexpr std::size_t kClockOf[] = {kMonotonic, kMonotonic, kProcess, kThread};  // by ClockId

  static std::uint64_t read(std::size_t clock) {
    timespec now;
    ::clock_gettime(kHost[clock], &now);
    return timestamp_of(now);
  }
  void start(std::size_t clock) {
    if (!began_[clock])
      began_[clock] = read(clock);
  }
  std::uint64_t left(std::size_t clock) const {
    return nearest_[clock] == kNever ? kNever : nearest_[clock] - std::min(nearest_[clock], elapsed_[clock]);
  }

  const ModuleConfig& config_;
  std::optional<std::uint64_t> began_[std::size(kHost)];
  std::uint64_t elapsed_[std::size(kHost)] = {};
  std::uint64_t nearest_[std::size(kHost)] = {kNever, kNever, kNever};
  std::optional<std::uint64_t> now_[std::size(kClockOf)];
};

/// The host's descriptors to wait for, each once.
class Waited {
 public:
  explicit Waited(const DescriptorTable& table) : table_(table) {}

  /// Errors: EBADF also for a directory; ENOTCAPABLE. False if it is always ready.
  Try<bool> add(const Subscription& subscription) {
    const bool reads = subscription.type == EventType::fd_read;
    const auto fd = subscription.fd_or_clock;
    const auto* const descriptor =
        WZRUN_TRY(table_.file(fd, rights::poll_fd_readwrite | (reads ? rights::fd_read : rights::fd_write)));
    if (descriptor->kind != Descriptor::Kind::host)
      return false;
    if (index_.empty())
      index_.assign(table_.size(), kNone);
    if (index_[fd] == kNone) {
      index_[fd] = static_cast<std::uint32_t>(fds_.size());
      fds_.push_back({.fd = descriptor->fd, .events = 0, .revents = 0});
    }
    fds_[index_[fd]].events |= reads ? POLLIN | (descriptor->is_socket() ? POLLRDHUP : 0) : POLLOUT;
    return true;
  }

  int wait(std::uint64_t timeout_ns) {
    const auto timeout = timespec_of(timeout_ns);
    return ::ppoll(fds_.data(), fds_.size(), timeout_ns == kNever ? nullptr : &timeout, nullptr);
  }

  /// What poll said of a descriptor that was added.
  short revents(Fd fd) const { return fd < index_.size() && index_[fd] != kNone ? fds_[index_[fd]].revents : short{0}; }

 private:
  static constexpr auto kNone = UINT32_MAX;
  const DescriptorTable& table_;
  std::vector<pollfd> fds_;
  std::vector<std::uint32_t> index_;  // into fds_, by the program's numbers
};

/// Bytes that a read would get at once.
std::uint64_t readable_bytes(const Descriptor& descriptor) {
  if (descriptor.kind == Descriptor::Kind::text_input)
    return descriptor.input->size() - descriptor.input_at;
  if (descriptor.open_node) {
    const auto status = descriptor.open_node->node->status();
    return status ? status->size_bytes - std::min(status->size_bytes, descriptor.open_node->offset) : 0;
  }
  if (descriptor.kind != Descriptor::Kind::host)
    return 0;
  struct stat status;
  if (descriptor.filetype == Filetype::regular_file && ::fstat(descriptor.fd, &status) == 0) {
    const auto place = ::lseek(descriptor.fd, 0, SEEK_CUR);
    return place >= 0 && place < status.st_size ? static_cast<std::uint64_t>(status.st_size - place) : 0;
  }
  int bytes = 0;
  return ::ioctl(descriptor.fd, FIONREAD, &bytes) == 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

/// The event of a descriptor, or nothing if it is not ready.
std::optional<Event> descriptor_event(const DescriptorTable& table, const Waited& waited,
                                      const Subscription& subscription) {
  Event event{.userdata = subscription.userdata, .error = 0, .type = subscription.type, .nbytes = 0, .flags = 0};
  const bool reads = subscription.type == EventType::fd_read;
  const auto descriptor =
      table.file(subscription.fd_or_clock, rights::poll_fd_readwrite | (reads ? rights::fd_read : rights::fd_write));
  if (!descriptor) {
    event.error = static_cast<std::uint16_t>(descriptor.error());
    return event;
  }
  if ((*descriptor)->kind == Descriptor::Kind::host) {
    const auto revents = waited.revents(subscription.fd_or_clock);
    if ((revents & ((reads ? POLLIN : POLLOUT) | POLLERR | POLLHUP | POLLNVAL)) == 0)
      return std::nullopt;
    if ((revents & POLLNVAL) != 0)
      event.error = static_cast<std::uint16_t>(Errno::badf);
    // A connection that is being reset has its error a moment before it hangs up.
    if ((revents & (POLLHUP | POLLERR)) != 0 || (reads && (revents & POLLRDHUP) != 0))
      event.flags = eventrwflags::hangup;
  }
  event.nbytes = reads ? readable_bytes(**descriptor) : PIPE_BUF;
  return event;
}

std::optional<Event> clock_event(Deadlines& deadlines, const Subscription& subscription) {
  Event event{.userdata = subscription.userdata, .error = 0, .type = EventType::clock, .nbytes = 0, .flags = 0};
  const auto due = deadlines.due(subscription);
  if (!due)
    event.error = static_cast<std::uint16_t>(due.error());
  else if (!deadlines.passed(*due))
    return std::nullopt;
  return event;
}

template <typename Layout>
Status poll(Call& call, Address subscriptions, Address events, std::uint32_t count, Address result) {
  if (count == 0)
    return fail(Errno::inval);
  WZRUN_CHECK(call.memory.range(subscriptions, std::uint64_t{count} * sizeof(Layout)));
  WZRUN_CHECK(call.memory.range(events, std::uint64_t{count} * sizeof(Event)));
  WZRUN_CHECK(call.memory.range(result, sizeof(std::uint32_t)));
  const auto subscription_at = [&](std::uint32_t i) -> Try<Subscription> {
    return as_preview1(WZRUN_TRY(call.memory.read<Layout>(subscriptions + std::uint64_t{i} * sizeof(Layout))));
  };

  Deadlines deadlines{call.caller.config()};
  Waited waited{call.state.descriptors};
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto subscription = WZRUN_TRY(subscription_at(i));
    if (subscription.type > EventType::fd_write)
      return fail(Errno::inval);
    if (subscription.type == EventType::clock) {
      if (const auto due = deadlines.due(subscription))
        deadlines.wait_for(*due);
      else
        deadlines.wait_for_nothing();
    } else if (!waited.add(subscription).value_or(false)) {
      deadlines.wait_for_nothing();
    }
  }

  for (;;) {
    const int ready = waited.wait(deadlines.timeout_ns());
    if (ready < 0 && errno != EINTR)
      return fail_host();
    if (ready < 0 && call.caller.interrupted())
      return fail(Errno::halted);
    deadlines.look();
    if (ready > 0 || (ready == 0 && deadlines.any_passed()))
      break;
  }

  std::uint32_t happened = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto subscription = WZRUN_TRY(subscription_at(i));
    const auto event = subscription.type == EventType::clock
                           ? clock_event(deadlines, subscription)
                           : descriptor_event(call.state.descriptors, waited, subscription);
    if (event)
      WZRUN_CHECK(call.memory.write(events + std::uint64_t{happened++} * sizeof(Event), *event));
  }
  return call.memory.write(result, happened);
}

}  // namespace

Status poll_oneoff(Call& call, Address subscriptions, Address events, std::uint32_t count, Address result) {
  return poll<Subscription>(call, subscriptions, events, count, result);
}

Status preview0_poll_oneoff(Call& call, Address subscriptions, Address events, std::uint32_t count, Address result) {
  return poll<Preview0Subscription>(call, subscriptions, events, count, result);
}

}  // namespace wzrun::wasi
