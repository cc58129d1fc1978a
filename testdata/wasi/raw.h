// The functions as they are imported, so that any pointer can be passed. The wrappers of wasi/api.h measure strings.
#pragma once

#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) int32_t raw_##name

IMPORT(args_get)(uint32_t, uint32_t);
IMPORT(args_sizes_get)(uint32_t, uint32_t);
IMPORT(environ_get)(uint32_t, uint32_t);
IMPORT(environ_sizes_get)(uint32_t, uint32_t);
IMPORT(clock_res_get)(uint32_t, uint32_t);
IMPORT(clock_time_get)(uint32_t, uint64_t, uint32_t);
IMPORT(fd_fdstat_get)(uint32_t, uint32_t);
IMPORT(fd_filestat_get)(uint32_t, uint32_t);
IMPORT(fd_pread)(uint32_t, uint32_t, uint32_t, uint64_t, uint32_t);
IMPORT(fd_prestat_get)(uint32_t, uint32_t);
IMPORT(fd_prestat_dir_name)(uint32_t, uint32_t, uint32_t);
IMPORT(fd_pwrite)(uint32_t, uint32_t, uint32_t, uint64_t, uint32_t);
IMPORT(fd_read)(uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(fd_readdir)(uint32_t, uint32_t, uint32_t, uint64_t, uint32_t);
IMPORT(fd_seek)(uint32_t, uint64_t, uint32_t, uint32_t);
IMPORT(fd_tell)(uint32_t, uint32_t);
IMPORT(fd_write)(uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(path_create_directory)(uint32_t, uint32_t, uint32_t);
IMPORT(path_filestat_get)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(path_filestat_set_times)(uint32_t, uint32_t, uint32_t, uint32_t, uint64_t, uint64_t, uint32_t);
IMPORT(path_link)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(path_open)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint64_t, uint64_t, uint32_t, uint32_t);
IMPORT(path_readlink)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(path_remove_directory)(uint32_t, uint32_t, uint32_t);
IMPORT(path_rename)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(path_symlink)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(path_unlink_file)(uint32_t, uint32_t, uint32_t);
IMPORT(poll_oneoff)(uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(random_get)(uint32_t, uint32_t);
IMPORT(sock_accept)(uint32_t, uint32_t, uint32_t);
IMPORT(sock_recv)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
IMPORT(sock_send)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);

static inline uint32_t at(const void* pointer) { return (uint32_t)(uintptr_t)pointer; }
