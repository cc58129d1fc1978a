;; Calls the host once, from the second of two functions.
(module $yield
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func $yielding (result i32)
    (local i32)
    (local.set 0 (call $sched_yield))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.get 0))
  (func $outermost (export "_start")
    (if (call $yielding) (then unreachable))
    (global.set $calls (i32.const 0)))
)
