;; Calls the host while it is instantiated.
(module $exceptions_start
  (import "host" "act" (func $act (param i32) (result i32)))
  (func $start (drop (call $act (i32.const 1))))
  (start $start)
)
