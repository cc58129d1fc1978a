#pragma once

#include "call.h"
#include "types.h"

#include <cstdint>

/// The functions of WASI. Those that answer a Status answer an errno to the program; an Address names where a result
/// goes, and is checked before anything is done.
/// Source: wasi_snapshot_preview1.witx; wasi_unstable for `preview0_`.
namespace wzrun::wasi {

Status args_get(Call& call, Address argv, Address bytes);
Status args_sizes_get(Call& call, Address count, Address size);
Status environ_get(Call& call, Address environ, Address bytes);
Status environ_sizes_get(Call& call, Address count, Address size);

Status clock_res_get(Call& call, std::uint32_t id, Address resolution);
Status clock_time_get(Call& call, std::uint32_t id, std::uint64_t precision, Address time);

Status fd_advise(Call& call, Fd fd, std::uint64_t offset, std::uint64_t length, std::uint32_t advice);
Status fd_allocate(Call& call, Fd fd, std::uint64_t offset, std::uint64_t length);
Status fd_close(Call& call, Fd fd);
Status fd_datasync(Call& call, Fd fd);
Status fd_fdstat_get(Call& call, Fd fd, Address result);
Status fd_fdstat_set_flags(Call& call, Fd fd, std::uint32_t flags);
Status fd_fdstat_set_rights(Call& call, Fd fd, Rights base, Rights inheriting);
Status fd_filestat_get(Call& call, Fd fd, Address result);
Status preview0_fd_filestat_get(Call& call, Fd fd, Address result);
Status fd_filestat_set_size(Call& call, Fd fd, std::uint64_t size);
Status fd_filestat_set_times(Call& call, Fd fd, std::uint64_t atim, std::uint64_t mtim, std::uint32_t flags);
Status fd_prestat_get(Call& call, Fd fd, Address result);
Status fd_prestat_dir_name(Call& call, Fd fd, Address name, std::uint32_t name_len);
Status fd_pread(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, std::uint64_t offset, Address nread);
Status fd_pwrite(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, std::uint64_t offset, Address nwritten);
Status fd_read(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, Address nread);
Status fd_readdir(Call& call, Fd fd, Address buffer, std::uint32_t buffer_len, std::uint64_t cookie, Address used);
Status fd_renumber(Call& call, Fd from, Fd to);
Status fd_seek(Call& call, Fd fd, std::int64_t offset, std::uint32_t whence, Address result);
Status preview0_fd_seek(Call& call, Fd fd, std::int64_t offset, std::uint32_t whence, Address result);
Status fd_sync(Call& call, Fd fd);
Status fd_tell(Call& call, Fd fd, Address result);
Status fd_write(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, Address nwritten);

Status path_create_directory(Call& call, Fd fd, Address path, std::uint32_t path_len);
Status path_filestat_get(Call& call, Fd fd, std::uint32_t lookup, Address path, std::uint32_t path_len, Address result);
Status preview0_path_filestat_get(Call& call, Fd fd, std::uint32_t lookup, Address path, std::uint32_t path_len,
                                  Address result);
Status path_filestat_set_times(Call& call, Fd fd, std::uint32_t lookup, Address path, std::uint32_t path_len,
                               std::uint64_t atim, std::uint64_t mtim, std::uint32_t flags);
Status path_link(Call& call, Fd old_fd, std::uint32_t old_lookup, Address old_path, std::uint32_t old_path_len,
                 Fd new_fd, Address new_path, std::uint32_t new_path_len);
Status path_open(Call& call, Fd fd, std::uint32_t lookup, Address path, std::uint32_t path_len,
                 std::uint32_t open_flags, Rights base, Rights inheriting, std::uint32_t flags, Address result);
Status path_readlink(Call& call, Fd fd, Address path, std::uint32_t path_len, Address buffer, std::uint32_t buffer_len,
                     Address used);
Status path_remove_directory(Call& call, Fd fd, Address path, std::uint32_t path_len);
Status path_rename(Call& call, Fd old_fd, Address old_path, std::uint32_t old_path_len, Fd new_fd, Address new_path,
                   std::uint32_t new_path_len);
Status path_symlink(Call& call, Address text, std::uint32_t text_len, Fd fd, Address path, std::uint32_t path_len);
Status path_unlink_file(Call& call, Fd fd, Address path, std::uint32_t path_len);

Status poll_oneoff(Call& call, Address subscriptions, Address events, std::uint32_t count, Address result);
Status preview0_poll_oneoff(Call& call, Address subscriptions, Address events, std::uint32_t count, Address result);

Result<void> proc_exit(Call& call, std::uint32_t code);
Result<std::uint32_t> proc_raise(Call& call, std::uint32_t signal);
Status random_get(Call& call, Address buffer, std::uint32_t buffer_len);
Status sched_yield(Call& call);

Status sock_accept(Call& call, Fd fd, std::uint32_t flags, Address result);
Status sock_recv(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, std::uint32_t flags, Address received,
                 Address result_flags);
Status sock_send(Call& call, Fd fd, Address iovs, std::uint32_t iovs_len, std::uint32_t flags, Address sent);
Status sock_shutdown(Call& call, Fd fd, std::uint32_t how);

}  // namespace wzrun::wasi
