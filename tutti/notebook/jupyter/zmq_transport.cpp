#include "tutti/notebook/jupyter/zmq_transport.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <zmq.hpp>

#include "tutti/base/error.h"
#include "tutti/notebook/jupyter/signals.h"

namespace tutti::jupyter {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Waiting to be sent. A cell that prints faster than front-ends read waits in write().
constexpr std::size_t kMaxWaiting = std::size_t{32} << 20;
// A front-end that took nothing for so long has stopped reading (a laptop that sleeps): the others go on without it.
constexpr milliseconds kPatience{2000};
constexpr milliseconds kDropping{30'000};
// Messages that a socket holds for a front-end that does not read: 64 MiB of the largest.
constexpr int kMaxHeld = 256;
constexpr milliseconds kRetry{5};
constexpr milliseconds kFlushPatience{1000};
constexpr int kLingerMs = 1000;  // at the end, for what a socket still holds

}  // namespace

class ZmqTransport::Loop {
 public:
  Loop(const Connection& connection, const Signer& signer) : signer_(signer), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    bind(shell_, connection.endpoint(connection.shell));
    bind(control_, connection.endpoint(connection.control));
    bind(stdin_, connection.endpoint(connection.input));
    bind(heartbeat_, connection.endpoint(connection.heartbeat));
    iopub_.set(zmq::sockopt::xpub_nodrop, true);
    iopub_.set(zmq::sockopt::sndhwm, kMaxHeld);
    bind(iopub_, connection.endpoint(connection.iopub));
  }
  ~Loop() {
    {
      std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
    ::close(wake_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start(Receiver receiver) {
    receiver_ = std::move(receiver);
    const BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
  }

  void push(Channel channel, Frames frames) {
    {
      std::unique_lock lock(mutex_);
      // The loop's own replies never wait: nobody else would make room.
      if (std::this_thread::get_id() != loop_id_) changed_.wait(lock, [&] { return waiting_bytes_ < kMaxWaiting || stop_; });
      for (const std::string& frame : frames) waiting_bytes_ += frame.size();
      waiting_.push_back({channel, std::move(frames)});
    }
    wake();
  }

  void flush() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kFlushPatience, [&] { return waiting_.empty() && !is_sending_; });
  }

 private:
  struct Waiting {
    Channel channel;
    Frames frames;
  };

  static void bind(zmq::socket_t& socket, const std::string& endpoint) {
    socket.set(zmq::sockopt::linger, kLingerMs);
    try {
      socket.bind(endpoint);
    } catch (const zmq::error_t& error) {
      fail("kernel", "cannot open {}: {}.", endpoint, error.what());
    }
  }

  zmq::socket_t& socket(Channel channel) {
    switch (channel) {
      case Channel::kShell:
        return shell_;
      case Channel::kControl:
        return control_;
      case Channel::kStdin:
        return stdin_;
      case Channel::kIopub:
        break;
    }
    return iopub_;
  }

  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
  }

  bool is_stopped() {
    std::scoped_lock lock(mutex_);
    return stop_ && waiting_.empty();
  }

  void run() {
    loop_id_ = std::this_thread::get_id();
    std::array<zmq::pollitem_t, 6> items{};
    const std::array<zmq::socket_t*, 5> sockets = {&control_, &shell_, &stdin_, &heartbeat_, &iopub_};
    for (std::size_t i = 0; i < sockets.size(); ++i)
      items[i] = {.socket = sockets[i]->handle(), .fd = 0, .events = ZMQ_POLLIN, .revents = 0};
    items[5] = {.socket = nullptr, .fd = wake_, .events = ZMQ_POLLIN, .revents = 0};
    while (!is_stopped()) {
      zmq::poll(items.data(), items.size(), is_stuck_ ? kRetry : milliseconds(-1));
      if (items[0].revents) receive(Channel::kControl);
      if (items[1].revents) receive(Channel::kShell);
      if (items[2].revents) receive(Channel::kStdin);
      if (items[3].revents) echo();
      if (items[4].revents) read_frames(iopub_);  // somebody subscribed, or went
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t got = ::read(wake_, &count, sizeof count);
      send_waiting();
    }
  }

  // One message's; empty if there is none.
  static Frames read_frames(zmq::socket_t& socket) {
    Frames frames;
    bool more = true;
    while (more) {
      zmq::message_t part;
      if (!socket.recv(part, zmq::recv_flags::dontwait)) break;
      frames.push_back(part.to_string());
      more = part.more();
    }
    return frames;
  }

  // All that is there: a cell that fails must know of the cells behind it.
  void receive(Channel channel) {
    for (Frames frames = read_frames(socket(channel)); !frames.empty(); frames = read_frames(socket(channel)))
      if (std::optional<Message> message = unpack(frames, signer_)) receiver_(channel, std::move(*message));
  }

  void echo() {
    const Frames frames = read_frames(heartbeat_);
    if (!frames.empty()) write_frames(heartbeat_, frames);
  }

  // False if the socket takes nothing now.
  static bool write_frames(zmq::socket_t& socket, const Frames& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const bool is_last = i + 1 == frames.size();
      const auto flags = is_last ? zmq::send_flags::dontwait : zmq::send_flags::dontwait | zmq::send_flags::sndmore;
      if (!socket.send(zmq::buffer(frames[i]), flags)) return false;
    }
    return true;
  }

  void send_waiting() {
    wait_again_for_all();
    for (;;) {
      Waiting next;
      {
        std::scoped_lock lock(mutex_);
        is_sending_ = !waiting_.empty();
        if (!is_sending_) break;
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
      const bool is_sent = write_frames(socket(next.channel), next.frames);
      std::scoped_lock lock(mutex_);
      if (!is_sent) {
        waiting_.push_front(std::move(next));
        note_stuck();
        return;
      }
      is_stuck_ = false;
      for (const std::string& frame : next.frames) waiting_bytes_ -= frame.size();
      changed_.notify_all();
    }
    changed_.notify_all();
  }

  // A socket took nothing. If that lasts too long, the front-ends that read are served without those that do not, for a while.
  void note_stuck() {
    const Clock::time_point now = Clock::now();
    if (!is_stuck_) stuck_since_ = now;
    is_stuck_ = true;
    if (now - stuck_since_ < kPatience) return;
    iopub_.set(zmq::sockopt::xpub_nodrop, false);
    dropping_until_ = now + kDropping;
  }

  void wait_again_for_all() {
    if (!dropping_until_ || Clock::now() < *dropping_until_) return;
    dropping_until_.reset();
    iopub_.set(zmq::sockopt::xpub_nodrop, true);
  }

  const Signer& signer_;
  Receiver receiver_;
  zmq::context_t context_{1};
  zmq::socket_t shell_{context_, zmq::socket_type::router}, control_{context_, zmq::socket_type::router},
      stdin_{context_, zmq::socket_type::router}, heartbeat_{context_, zmq::socket_type::router},
      iopub_{context_, zmq::socket_type::xpub};
  int wake_;
  std::thread thread_;
  std::atomic<std::thread::id> loop_id_;
  bool is_stuck_ = false;  // of the loop's thread
  Clock::time_point stuck_since_{};
  std::optional<Clock::time_point> dropping_until_;
  std::mutex mutex_;  // for what follows
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool is_sending_ = false, stop_ = false;
};

ZmqTransport::ZmqTransport(const Connection& connection)
    : signer_(connection.scheme, connection.key), loop_(std::make_unique<Loop>(connection, signer_)) {}

ZmqTransport::~ZmqTransport() = default;

void ZmqTransport::start(Receiver receiver) { loop_->start(std::move(receiver)); }

void ZmqTransport::send(Channel channel, const Message& message) { loop_->push(channel, pack(message, signer_)); }

void ZmqTransport::flush() { loop_->flush(); }

}  // namespace tutti::jupyter
