;; Never ends while it is instantiated.
(module
  (func $start (loop $forever (br $forever)))
  (start $start)
  (func (export "_start")))
