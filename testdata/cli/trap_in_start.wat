(module (memory 1) (func $start (drop (i32.load (i32.const 65536)))) (start $start) (func (export "_start")))
