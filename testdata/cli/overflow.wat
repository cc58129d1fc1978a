(module (func $deeper (call $deeper)) (func $_start (export "_start") (call $deeper)))
