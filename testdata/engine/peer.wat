;; Two instances of this that share a table call each other through it: each the entry that the other one set.
(module $peer
  (import "shared" "table" (table 2 funcref))
  (type $one (func (param i32) (result i32)))
  (global $other (mut i32) (i32.const 0))
  (elem $functions func $mutual $tail $trap)
  (func $mutual (export "mutual") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (call_indirect (type $one) (i32.sub (local.get 0) (i32.const 1)) (global.get $other))))
  (func $tail (export "tail") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 6))))
    (return_call_indirect (type $one) (i32.sub (local.get 0) (i32.const 1)) (global.get $other)))
  (func $trap (param i32) (result i32) unreachable)

  ;; The table's entry `own` becomes one of our functions; we call the entry `other`.
  (func $use (param $own i32) (param $other i32) (param $function i32)
    (table.init 0 $functions (local.get $own) (local.get $function) (i32.const 1))
    (global.set $other (local.get $other)))
  (func (export "use mutual") (param i32 i32) (call $use (local.get 0) (local.get 1) (i32.const 0)))
  (func (export "use tail") (param i32 i32) (call $use (local.get 0) (local.get 1) (i32.const 1)))
  (func (export "use trap") (param i32 i32) (call $use (local.get 0) (local.get 1) (i32.const 2)))
)
