;; README's embedding sample: calls a host function twice.
(module
  (import "host" "half" (func $half (param i32) (result i32)))
  (func (export "quarter") (param i32) (result i32)
    (call $half (call $half (local.get 0)))))
