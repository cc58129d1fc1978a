;; Fills 64 MiB again and again.
(module
  (memory 1024)
  (func (export "_start")
    (loop $forever
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864))
      (br $forever))))
