;; Asks for 16 MiB at once.
(module (memory 256) (func (export "_start")))
