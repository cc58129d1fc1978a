;; Imports that nobody provides. Exits with what env.seven returns.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "env" "seven" (func $seven (param i32) (result i32)))
  (import "bench" "start" (func))
  (memory (export "memory") 1)
  (func (export "_start") (call $proc_exit (call $seven (i32.const 1)))))
