;; One function for each trap. Each instruction that traps occurs once in its function.
(module $traps
  (memory (export "memory") 1)
  (table $table 4 funcref)
  (elem (i32.const 1) $no_arguments)
  (type $none (func))
  (type $one (func (param i32)))
  (func $no_arguments)

  (func $unreachable (export "unreachable") unreachable)
  (func $div32 (export "i32.div_s") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $rem32 (export "i32.rem_u") (param i32 i32) (result i32) (i32.rem_u (local.get 0) (local.get 1)))
  (func $div64 (export "i64.div_s") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
  (func $rem64 (export "i64.rem_s") (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
  (func $trunc (export "i32.trunc_f64_s") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func $load (export "i64.load") (param i32) (result i64) (i64.load offset=8 (local.get 0)))
  (func $store (export "i32.store8") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
  (func $fill (export "memory.fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
  (func $get (export "table.get") (param i32) (drop (table.get $table (local.get 0))))
  (func $set (export "table.set") (param i32) (table.set $table (local.get 0) (ref.null func)))
  (func $call_none (export "call_indirect") (param i32) (call_indirect $table (type $none) (local.get 0)))
  (func $call_one (export "call_indirect mismatch") (param i32)
    (call_indirect $table (type $one) (i32.const 0) (local.get 0)))
  (func $tail (export "return_call_indirect") (param i32) (return_call_indirect $table (type $none) (local.get 0)))

  (func $inner (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func $middle (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1)))
  (func $outer (export "nested") (param i32) (result i32) (i32.mul (call $middle (local.get 0)) (i32.const 2)))

  ;; A result that nobody wants does not make an instruction disappear.
  (func $dropped_div (export "dropped div") (param i32) (drop (i32.div_u (i32.const 1) (local.get 0))))
  (func $dropped_load (export "dropped load") (param i32) (drop (i32.load (local.get 0))))
  ;; What was stored before a trap is there, what comes behind is not.
  (func $order (export "order") (param i32)
    (i32.store (i32.const 0) (i32.const 11))
    (drop (i32.load (local.get 0)))
    (i32.store (i32.const 4) (i32.const 22)))
)
