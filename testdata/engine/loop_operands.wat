;; Operands that wait below a loop or are its parameters.
(module
  ;; 10 if the arm with the loop is taken, n + 10 if not: below both is the same constant.
  (func (export "constant_below") (param $n i32) (result i32)
    (i32.const 10)
    (if (result i32) (i32.eqz (local.get $n))
      (then
        (loop $l
          (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))
        (i32.const 0))
      (else (local.get $n)))
    (i32.add))

  ;; n * 3, n, n + 1, the sum of 1 to n times 2: a value of every type below the loops, one their parameter.
  (func (export "all_types") (param $n i32) (result i64 f32 f64 i32 i64)
    (local $i i32) (local $v v128)
    (i64.extend_i32_u (i32.mul (local.get $n) (i32.const 3)))
    (f32.convert_i32_u (local.get $n))
    (f64.convert_i32_u (i32.add (local.get $n) (i32.const 1)))
    (i32x4.splat (local.get $n))
    (i64.const 0)
    (loop $outer (param i64) (result i64)
      (local.set $i (i32.const 0))
      (loop $inner (param i64) (result i64)
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (i64.add (i64.extend_i32_u (local.get $i)))
        (br_if $inner (i32.lt_u (local.get $i) (local.get $n))))
      (local.set $v (v128.not (local.get $v)))
      (br_if $outer (v128.any_true (local.get $v))))
    (call $lane))

  (func $lane (param $v v128) (param $sum i64) (result i32 i64)
    (i32x4.extract_lane 2 (local.get $v))
    (local.get $sum))
)
