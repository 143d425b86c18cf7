// A guest in Go that sleeps and prints, and does not trace: what Go's runtime needs of WASI must be there, and no sleep may outlast
// the host's deadline. It is a reactor: the host calls _initialize before anything else.
package main

import (
	"strconv"
	"syscall"
	"time"
)

//go:wasmexport sleep_5ms
func sleep5ms() { time.Sleep(5 * time.Millisecond) }

//go:wasmexport sleep_60s
func sleep60s() { time.Sleep(time.Minute) }

// printLines prints n lines, by turns to standard output and standard error, each in two writes.
//
//go:wasmexport print_lines
func printLines(n uint32) {
	for i := range n {
		fd := syscall.Stdout + int(i%2)
		syscall.Write(fd, []byte("line "))
		syscall.Write(fd, []byte(strconv.Itoa(int(i))+"\n"))
	}
}

func main() {}
