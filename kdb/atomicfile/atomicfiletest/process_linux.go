package atomicfiletest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Verdict says what becomes of a call.
type Verdict struct {
	Err  syscall.Errno // it fails with this
	Kill bool          // the process ends before it is made
}

// Call is one that a process is about to make and that changes something in a folder.
type Call struct {
	Name  string   // as in syscalls(2)
	Files []string // without the folder; "" is the folder itself, "#1 (deleted)" a file without a name

	thread uint32
	args   [6]uint64
}

func (c Call) String() string { return c.Name + " " + strings.Join(c.Files, " ") }

// Write returns where in the file a write or pwrite64 puts what, and the new size for ftruncate. It may be called while the process waits.
func (c Call) Write() (at int64, data []byte, err error) {
	switch c.Name {
	case "ftruncate":
		return int64(c.args[1]), nil, nil
	case "pwrite64":
		return int64(c.args[3]), memory(c.thread, c.args[1], int(c.args[2])), nil
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", c.thread, c.args[0]))
	if err == nil {
		_, err = fmt.Sscanf(string(info), "pos: %d", &at)
	}
	return at, memory(c.thread, c.args[1], int(c.args[2])), err
}

// Supervise starts a process and waits for its end. It is stopped at every call that changes something in the folder, whichever library
// makes it: bbolt's too, which does not know atomicfile.FS. decide is asked with the number of the call, from 1. The kernel hands the calls
// over (seccomp_unotify(2)): a debugger would count for each thread on its own, and stop at all other calls as well. A process
// that failed or was killed is not an error: see cmd.ProcessState.
func Supervise(cmd *exec.Cmd, dir string, decide func(n int, c Call) Verdict) error {
	listener, started, err := startFiltered(cmd)
	if err != nil {
		return fmt.Errorf("having the kernel hand over system calls: %w", err)
	}
	defer unix.Close(listener)
	over, end, err := os.Pipe()
	if err != nil {
		return err
	}
	defer over.Close()
	ended := make(chan error, 1)
	go func() {
		defer end.Close()
		err := <-started
		if err == nil {
			err = cmd.Wait()
		}
		ended <- err
	}()
	if err := answer(listener, int(over.Fd()), dir, decide); err != nil {
		return err
	}
	err = <-ended
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		return nil
	}
	return err
}

// startFiltered starts a command from a thread with a filter, which the process inherits. The thread ends with its goroutine. The listener
// has to be served before the command is started, because the thread's own calls wait for it too.
func startFiltered(cmd *exec.Cmd) (listener int, started <-chan error, err error) {
	type filtered struct {
		listener int
		err      error
	}
	ready, done := make(chan filtered, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		fd, err := filterThread()
		ready <- filtered{fd, err}
		if err == nil {
			done <- cmd.Start()
		}
	}()
	f := <-ready
	return f.listener, done, f.err
}

// filterThread makes the kernel ask before each of the calls in changing.
func filterThread() (listener int, err error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, err
	}
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the number of the call
	left := len(changing)
	for nr := range changing {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(nr), Jt: uint8(left)})
		left--
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// Once a call is handed over only the end of the process takes it back, so that Go's own signals do not make it count twice.
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// operands say where the arguments of a call name files: an open file, or paths.
type operands struct {
	name  string
	fd    int // -1 for none
	paths []int
}

// changing are the calls by which a program of Go changes files, on every architecture.
var changing = map[int]operands{
	unix.SYS_WRITE: {"write", 0, nil}, unix.SYS_PWRITE64: {"pwrite64", 0, nil}, unix.SYS_WRITEV: {"writev", 0, nil},
	unix.SYS_PWRITEV: {"pwritev", 0, nil}, unix.SYS_COPY_FILE_RANGE: {"copy_file_range", 2, nil}, unix.SYS_SENDFILE: {"sendfile", 0, nil},
	unix.SYS_FSYNC: {"fsync", 0, nil}, unix.SYS_FDATASYNC: {"fdatasync", 0, nil}, unix.SYS_MSYNC: {"msync", -1, nil},
	unix.SYS_FTRUNCATE: {"ftruncate", 0, nil}, unix.SYS_FALLOCATE: {"fallocate", 0, nil},
	unix.SYS_FCHMOD: {"fchmod", 0, nil}, unix.SYS_FCHOWN: {"fchown", 0, nil}, unix.SYS_FSETXATTR: {"fsetxattr", 0, nil},
	unix.SYS_FREMOVEXATTR: {"fremovexattr", 0, nil}, unix.SYS_FCHMODAT: {"fchmodat", -1, []int{1}},
	unix.SYS_FCHOWNAT: {"fchownat", -1, []int{1}},
	unix.SYS_OPENAT:   {"openat", -1, []int{1}}, unix.SYS_MKDIRAT: {"mkdirat", -1, []int{1}}, unix.SYS_SYMLINKAT: {"symlinkat", -1, []int{2}},
	unix.SYS_RENAMEAT: {"renameat", -1, []int{1, 3}}, unix.SYS_RENAMEAT2: {"renameat2", -1, []int{1, 3}},
	unix.SYS_LINKAT: {"linkat", -1, []int{1, 3}}, unix.SYS_UNLINKAT: {"unlinkat", -1, []int{1}},
}

// notification is struct seccomp_notif.
type notification struct {
	id          uint64
	thread      uint32
	_           uint32
	call        int32
	_           uint32
	instruction uint64
	args        [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

// answer serves a listener until another file ends: the kernel does not tell the listener of the end while Go keeps the thread.
func answer(listener, over int, dir string, decide func(n int, c Call) Verdict) error {
	for n := 0; ; {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(over)}}
		if _, err := unix.Poll(ready, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return fmt.Errorf("waiting for a call: %w", err)
		}
		if ready[0].Revents&unix.POLLIN == 0 {
			if ready[1].Revents != 0 {
				return nil
			}
			continue
		}
		var asked notification
		err := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&asked))
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR) {
			continue // the call was taken back
		}
		if err != nil {
			return fmt.Errorf("receiving a call: %w", err)
		}
		var v Verdict
		if c, changes := describe(asked, dir); changes {
			n++
			v = decide(n, c)
		}
		reply := response{id: asked.id, err: -int32(v.Err)}
		if v.Kill {
			if err := unix.Kill(int(asked.thread), unix.SIGKILL); err != nil {
				return err
			}
			continue
		}
		if v.Err == 0 {
			reply.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
		}
		if err := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&reply)); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("answering a call: %w", err)
		}
	}
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}

// describe says which call it is, and whether it changes something in the folder.
func describe(asked notification, dir string) (c Call, changes bool) {
	about := changing[int(asked.call)]
	c = Call{Name: about.name, thread: asked.thread, args: asked.args}
	if asked.call == unix.SYS_OPENAT && asked.args[2]&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY|unix.O_TRUNC) == 0 {
		return c, false
	}
	var paths []string
	if about.fd >= 0 {
		path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", asked.thread, int32(asked.args[about.fd])))
		paths = append(paths, path)
	}
	for _, i := range about.paths {
		text := memory(asked.thread, asked.args[i], unix.PathMax)
		path, _, _ := bytes.Cut(text, []byte{0})
		if fd, found := bytes.CutPrefix(path, []byte("/proc/self/")); found { // an open file
			target, _ := os.Readlink(fmt.Sprintf("/proc/%d/%s", asked.thread, fd))
			path = []byte(target)
		}
		paths = append(paths, string(path))
	}
	for _, path := range paths {
		if inside, found := strings.CutPrefix(path, dir); found {
			c.Files = append(c.Files, strings.TrimPrefix(inside, "/"))
		}
	}
	return c, len(c.Files) > 0
}

// memory reads up to n bytes of the memory of a process.
func memory(thread uint32, at uint64, n int) []byte {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", thread))
	if err != nil {
		return nil
	}
	defer f.Close()
	var data []byte
	page := make([]byte, os.Getpagesize())
	for len(data) < n { // to the end of each page: the next one may not be there
		part := page[:min(len(page)-int(at)%len(page), n-len(data))]
		got, err := f.ReadAt(part, int64(at))
		data, at = append(data, part[:got]...), at+uint64(got)
		if err != nil || bytes.IndexByte(part, 0) >= 0 && n == unix.PathMax {
			break
		}
	}
	return data
}
