;; A host function that may throw, with code of the program above and below it.
(module $exceptions
  (import "host" "act" (func $act (param i32) (result i32)))
  (memory (export "memory") 1)
  (func $inner (param i32) (result i32)
    (i32.store (i32.const 0) (local.get 0))
    (call $act (local.get 0)))
  (func $outer (export "outer") (param i32) (result i32)
    (local i32)
    (local.set 1 (call $inner (local.get 0)))
    (i32.store (i32.const 4) (local.get 1))
    (local.get 1))
  (func $trap (export "trap") (unreachable))
)
