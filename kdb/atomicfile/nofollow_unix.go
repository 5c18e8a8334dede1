//go:build unix

package atomicfile

import "syscall"

// noFollow opens no symbolic link, and waits for no pipe.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
