;; Calls, for tests/bench/call_bench.cpp.
(module $calls
  (import "host" "nothing" (func $nothing (param i32) (result i32)))
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "call host") (param $times i32) (result i32) (local $value i32)
    (loop $again
      (local.set $value (call $nothing (local.get $value)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $value))
)
