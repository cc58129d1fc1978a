;; Stores a byte, calls the host, and ends in the way that it is told.
(module $stores
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $last (export "last") (mut i32) (i32.const 0))
  (data (i32.const 16) "\20\00\00\00\01\00\00\00")

  (func $yields (drop (call $sched_yield)))
  ;; Another byte at 0x1000, and a call.
  (func (export "store") (param $value i32)
    (i32.store8 (i32.const 0x1000) (local.get $value))
    (call $yields))
  ;; A byte of a buffer that is written to nowhere.
  (func (export "write") (param $value i32)
    (i32.store8 (i32.const 0x20) (local.get $value))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8))))
  ;; Calls the host so many times.
  (func (export "calls") (param $count i32)
    (loop $more
      (if (local.get $count)
        (then
          (call $yields)
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $more)))))
  (func (export "set") (param $value i32) (global.set $last (local.get $value)))
  (func (export "last_byte") (param $value i32)
    (i32.store8 (i32.const 0xffff) (local.get $value)))
  (func (export "trap_if") (param $value i32)
    (call $yields)
    (if (local.get $value) (then unreachable)))
  (func (export "same") (param $value i32) (result i32) (i32.const 7))
)
