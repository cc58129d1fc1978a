;; A reactor: `initialized` is 1 only after `_initialize`.
(module
  (global $state (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $state (i32.add (global.get $state) (i32.const 1))))
  (func (export "initialized") (result i32) (global.get $state)))
