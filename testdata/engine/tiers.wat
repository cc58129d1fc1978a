;; What changes engines while it runs.
(module
  (memory (export "memory") 1)

  ;; Goes round n times and traps in a function called from one more.
  (func $trap_after (export "trap_after") (param $n i32)
    (loop $l
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (call $middle (i32.eqz (local.get $n)))
      (br $l)))
  (func $middle (param $now i32)
    (call $trap_if (local.get $now)))
  (func $trap_if (param $now i32)
    (if (local.get $now)
      (then (drop (i32.load (i32.const -8))))))

  ;; n, by as many calls, each within a loop that goes round once more.
  (func $down (export "down") (param $n i32) (result i32)
    (local $round i32) (local $sum i32)
    (if (i32.eqz (local.get $n))
      (then (return (i32.const 0))))
    (loop $l
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $round) (i32.const 2))))
    (i32.add (call $down (i32.sub (local.get $n) (i32.const 1))) (i32.const 1)))

  ;; Whether n is even, by tail calls; every second one through a function that makes none.
  (func $even (export "even") (param $n i32) (result i32)
    (if (i32.eqz (local.get $n))
      (then (return (i32.const 1))))
    (return_call $odd (call $less (local.get $n))))
  (func $odd (param $n i32) (result i32)
    (if (i32.eqz (local.get $n))
      (then (return (i32.const 0))))
    (return_call $even (call $less (local.get $n))))
  (func $less (param $n i32) (result i32)
    (i32.sub (local.get $n) (i32.const 1)))

  ;; Counts to n, where the optimiser cannot look: through memory.
  (func (export "spin") (param $n i64) (result i64)
    (local $i i64)
    (loop $l
      (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.const 1)))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $l (i64.lt_u (local.get $i) (local.get $n))))
    (i64.load (i32.const 8)))

  ;; Some bits of x, without a loop, in code that takes more calls to be worth its length than the interpreter reports.
  (func (export "mix") (param $x i64) (result i64)
    (local.set $x (i64.mul (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 33))) (i64.const -49064778989728563)))
    (local.set $x (i64.mul (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 29))) (i64.const -4265267296055464877)))
    (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 32))))
)
