;; Tail calls with more arguments than registers: compiled code cannot have them with every LLVM.
(module $tail_wide
  ;; Windows of different width, so that the frames move.
  (func $wide (export "tail wide") (param i32 i64 f64 f32 i64 i64 i64 i64) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.wrap_i64 (local.get 7)))))
    (return_call $narrow (i32.sub (local.get 0) (i32.const 1))))
  (func $narrow (param i32) (result i32) (local i64 i64 i64)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 5))))
    (return_call $wide (i32.sub (local.get 0) (i32.const 1)) (i64.const 1) (f64.const 2) (f32.const 3)
      (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 10)))
)
