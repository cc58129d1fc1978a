;; What a trap leaves behind: everything that came before it, nothing that came after, and no trap that the program does
;; not reach. Each function gets an address that is outside of the memory, or an index that leads there.
(module $order
  (memory (export "memory") 1)
  (global $counter (export "counter") (mut i32) (i32.const 0))
  (global $wide (export "wide") (mut f64) (f64.const 0))
  (table $table 4 funcref)
  (elem (i32.const 0) $nothing)
  (func $nothing)

  (func (export "set") (param i32)
    (global.set $counter (i32.const 1))
    (drop (i32.load (local.get 0)))
    (global.set $counter (i32.const 2)))
  (func (export "set float") (param i32)
    (global.set $wide (f64.const 1.5))
    (i32.store (local.get 0) (i32.const 0))
    (global.set $wide (f64.const 2.5)))
  ;; The second store makes the first one dead, but for the load.
  (func (export "overwrite") (param i32)
    (i32.store (i32.const 0) (i32.const 1))
    (drop (i32.load8_u (local.get 0)))
    (i32.store (i32.const 0) (i32.const 2)))
  (func (export "overwrite before division") (param i32)
    (i32.store (i32.const 0) (i32.const 1))
    (drop (i32.div_u (i32.const 1) (local.get 0)))
    (i32.store (i32.const 0) (i32.const 2)))
  (func (export "table") (param i32) (result i32)
    (table.set $table (i32.const 1) (table.get $table (i32.const 0)))
    (drop (i32.load (local.get 0)))
    (table.set $table (i32.const 1) (ref.null func))
    (i32.const 0))
  (func (export "is set") (result i32) (i32.eqz (ref.is_null (table.get $table (i32.const 1)))))

  ;; Counts in memory, and reads ever higher until it traps.
  (func (export "count up") (param $step i32)
    (local $at i32)
    (loop $again
      (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
      (drop (i32.load (local.get $at)))
      (local.set $at (i32.add (local.get $at) (local.get $step)))
      (br $again)))
  ;; Fills with ones, upwards, from an address and so many words.
  (func (export "fill up") (param $at i32) (param $count i32)
    (loop $again
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
  ;; Adds to each word what another place has; the sum is what is left in the global.
  (func (export "add up") (param $to i32) (param $from i32) (param $count i32)
    (loop $again
      (i32.store (local.get $to) (i32.add (i32.load (local.get $to)) (i32.load (local.get $from))))
      (global.set $counter (i32.add (global.get $counter) (i32.const 1)))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (local.set $from (i32.add (local.get $from) (i32.const 4)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; The load is loop-invariant and outside, but the loop may not run.
  (func (export "invariant") (param $at i32) (param $count i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $again)))
    (local.get $sum))
  ;; Only one of the loads happens.
  (func (export "choose") (param $condition i32) (param $a i32) (param $b i32) (result i32)
    (if (result i32) (local.get $condition)
      (then (i32.load (local.get $a)))
      (else (i32.load (local.get $b)))))
  (func (export "guarded") (param $at i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $at) (i32.const 65533))
      (then (i32.load (local.get $at)))
      (else (i32.const -1))))
  ;; Division and load, in this order.
  (func (export "division first") (param $divisor i32) (param $at i32) (result i32)
    (i32.add (i32.div_u (i32.const 1) (local.get $divisor)) (i32.load (local.get $at))))
  (func (export "load first") (param $divisor i32) (param $at i32) (result i32)
    (i32.add (i32.load (local.get $at)) (i32.div_u (i32.const 1) (local.get $divisor))))
  ;; The last bytes: an access must not become wider than it is.
  (func (export "last") (param $at i32) (result i64)
    (i64.or (i64.load8_u (local.get $at))
      (i64.shl (i64.load8_u offset=1 (local.get $at)) (i64.const 8))))
  (func (export "last float") (param $at i32) (result f64)
    (f64x2.extract_lane 1 (f64x2.splat (f64.load (local.get $at)))))
  (func (export "last lane") (param $at i32) (result i64)
    (i64x2.extract_lane 1 (v128.load64_lane 1 (local.get $at) (v128.const i64x2 0 0))))
  (func (export "copysign") (param $at i32) (result f64)
    (f64.copysign (f64.const 1) (f64.load (local.get $at))))
)
