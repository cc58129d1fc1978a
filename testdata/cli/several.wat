;; Two memories and two tables. `both` and `both_tables` let each grow by as much and return what memory.grow or
;; table.grow answered.
(module
  (memory $a 1)
  (memory $b 1)
  (table $t 1 funcref)
  (table $u 1 funcref)
  (func (export "both") (param i32) (result i32 i32)
    (memory.grow $a (local.get 0)) (memory.grow $b (local.get 0)))
  (func (export "both_tables") (param i32) (result i32 i32)
    (table.grow $t (ref.null func) (local.get 0)) (table.grow $u (ref.null func) (local.get 0))))
