/// Waiting is one ppoll(2) over all descriptors with the nearest clock as its timeout. Boost.Asio is not used here: it
/// waits through epoll, which refuses regular files, would have to be created for the call, and needs each descriptor
/// of the program registered and released again, to do in many system calls what ppoll does in one.
#include "clock.h"
#include "functions.h"
#include "timestamp.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <optional>
#include <vector>

namespace wzrun::wasi {
namespace {

constexpr auto kNever = UINT64_MAX;

std::uint64_t monotonic_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return timestamp_of(now);
}

Subscription as_preview1(const Subscription& subscription) { return subscription; }
Subscription as_preview1(const Preview0Subscription& old) {
  return {.userdata = old.userdata,
          .type = old.type,
          .fd_or_clock = old.type == EventType::clock ? old.clock : static_cast<std::uint32_t>(old.fd_or_identifier),
          .timeout_ns = old.timeout_ns,
          .precision_ns = old.precision_ns,
          .flags = old.flags};
}

/// The program's clocks as they stood when the call began; from then on, time is the host's monotonic one.
class Deadlines {
 public:
  explicit Deadlines(const ModuleConfig& config) : config_(config) {}

  /// Nanoseconds from the beginning of the call until a subscription's time has come.
  /// Errors: ENOTSUP for clocks of processor time, EINVAL for those that do not exist.
  Try<std::uint64_t> wait_ns(const Subscription& subscription) {
    const auto id = subscription.fd_or_clock;
    if (id > static_cast<std::uint32_t>(ClockId::thread_cputime))
      return fail(Errno::inval);
    if (id > static_cast<std::uint32_t>(ClockId::monotonic))
      return fail(Errno::notsup);
    if ((subscription.flags & subclockflags::abstime) == 0)
      return subscription.timeout_ns;
    if (!now_[id])
      now_[id] = WZRUN_TRY(clock_now_ns(config_, id));
    return subscription.timeout_ns > *now_[id] ? subscription.timeout_ns - *now_[id] : 0;
  }
  std::uint64_t elapsed_ns() const { return monotonic_ns() - began_; }

 private:
  const ModuleConfig& config_;
  std::uint64_t began_ = monotonic_ns();
  std::optional<std::uint64_t> now_[2];
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
    fds_[index_[fd]].events |= reads ? POLLIN : POLLOUT;
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
    if ((revents & POLLHUP) != 0 || (!reads && (revents & POLLERR) != 0))
      event.flags = eventrwflags::hangup;
  }
  event.nbytes = reads ? readable_bytes(**descriptor) : PIPE_BUF;
  return event;
}

std::optional<Event> clock_event(Deadlines& deadlines, std::uint64_t elapsed_ns, const Subscription& subscription) {
  Event event{.userdata = subscription.userdata, .error = 0, .type = EventType::clock, .nbytes = 0, .flags = 0};
  const auto wait_ns = deadlines.wait_ns(subscription);
  if (!wait_ns)
    event.error = static_cast<std::uint16_t>(wait_ns.error());
  else if (*wait_ns > elapsed_ns)
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
  std::uint64_t wait_ns = kNever;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto subscription = WZRUN_TRY(subscription_at(i));
    if (subscription.type > EventType::fd_write)
      return fail(Errno::inval);
    if (subscription.type == EventType::clock)
      wait_ns = std::min(wait_ns, deadlines.wait_ns(subscription).value_or(0));
    else if (!waited.add(subscription).value_or(false))
      wait_ns = 0;
  }

  std::uint64_t elapsed_ns = 0;
  for (;;) {
    const int ready = waited.wait(wait_ns == kNever ? kNever : wait_ns - std::min(wait_ns, elapsed_ns));
    if (ready < 0 && errno != EINTR)
      return fail_host();
    if (ready < 0 && call.caller.interrupted())
      return fail(Errno::halted);
    elapsed_ns = deadlines.elapsed_ns();
    if (ready > 0 || (ready == 0 && elapsed_ns >= wait_ns))
      break;
  }

  std::uint32_t happened = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto subscription = WZRUN_TRY(subscription_at(i));
    const auto event = subscription.type == EventType::clock
                           ? clock_event(deadlines, elapsed_ns, subscription)
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
