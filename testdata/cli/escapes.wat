;; Names that would change a terminal's colour and title.
(module
  (import "\1b[31mred" "\07bell\u{9b}" (func))
  (func (export "\1b]0;title\07")))
