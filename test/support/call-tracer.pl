#!/usr/bin/perl
# Runs a program and stops it for good as it enters one of its system calls: the Nth of those that change files, or write
# to its standard output, and whose description matches a regular expression. Descriptions are "fsync /some/path" and
# the like, and "answer". strace counts the calls of each thread by itself, and the runtime gives a file's steps to
# whichever thread is free: only a count over all threads finds the same step again.
#   call-tracer.pl kill|hold N LOG PATTERN PROGRAM ARGUMENT...
# kill: the program dies of SIGKILL there. hold: it stays there until somebody kills this tracer, and dies with it.
# A line for each such call is added to LOG, and "reached" after the Nth; with N = 0 nothing happens to the program.
use strict;
use warnings;

my ($action, $at, $log_path, $pattern, @program) = @ARGV;
(my $machine = `uname -m`) =~ s/\s//g;
die "system call numbers are those of x86_64, this is $machine\n" if $machine ne 'x86_64';

use constant { TRACEME => 0, SYSCALL => 24, SETOPTIONS => 0x4200, GET_SYSCALL_INFO => 0x420e };
# TRACESYSGOOD, TRACECLONE (threads; programs that it starts go untraced), EXITKILL
use constant OPTIONS => 0x1 | 0x8 | 0x100000;
use constant { SIGKILL => 9, SIGSTOP => 19, SIGTRAP => 5, WALL => 0x40000000, ENTRY => 1 };

# What each call's arguments are: a descriptor, or the index of the path that it changes.
my %by_descriptor = (
  1 => 'write', 18 => 'write', 20 => 'write', 296 => 'write', 328 => 'write', 44 => 'write', 46 => 'write',
  74 => 'fsync', 75 => 'fsync', 77 => 'truncate',
);
my %by_path = (
  86 => ['link', 1], 265 => ['link', 3], 87 => ['unlink', 0], 263 => ['unlink', 1], 82 => ['rename', 1],
  264 => ['rename', 3], 316 => ['rename', 3], 83 => ['mkdir', 0], 258 => ['mkdir', 1],
);
my ($openat, $o_creat) = (257, 0100);

sub ptrace { return syscall(101, 0 + $_[0], 0 + $_[1], 0 + $_[2], $_[3]) }

sub path_at {
  my ($pid, $address) = @_;
  open(my $memory, '<:raw', "/proc/$pid/mem") or return '?';
  sysseek($memory, $address, 0);
  sysread($memory, my $bytes, 4096);
  return defined $bytes ? unpack('Z*', $bytes) : '?';
}

sub describe {
  my ($pid) = @_;
  my $info = "\0" x 88;
  ptrace(GET_SYSCALL_INFO, $pid, 88, $info);
  my ($op) = unpack('C', $info);
  return undef if $op != ENTRY;
  my ($number, @arguments) = unpack('Q7', substr($info, 24));
  if (my $what = $by_descriptor{$number}) {
    my $path = readlink("/proc/$pid/fd/$arguments[0]") // '?';
    return 'answer' if $what eq 'write' && $path eq (readlink("/proc/$pid/fd/1") // '');
    return "$what $path";
  }
  my ($what, $index) = $number == $openat && $arguments[2] & $o_creat ? ('create', 1) : @{ $by_path{$number} // [] };
  return undef if !defined $what;
  return "$what " . path_at($pid, $arguments[$index]);
}

open(my $log, '>>', $log_path) or die "$log_path: $!\n";
$log->autoflush(1);
my $main = fork() // die "fork: $!\n";
if ($main == 0) {
  ptrace(TRACEME, 0, 0, 0);
  kill(SIGSTOP, $$);
  exec(@program) or die "$program[0]: $!\n";
}
my ($count, %known) = (0);
while (1) {
  my $buffer = pack('i', 0);
  my $pid = syscall(61, -1, $buffer, WALL, 0);
  next if $pid < 0;
  my $status = unpack('i', $buffer);
  my $signal = $status & 0x7f;
  if (($status & 0xff) != 0x7f) {
    next if $pid != $main;
    kill($signal, $$) if $signal;
    exit($status >> 8);
  }
  my $stop = ($status >> 8) & 0xff;
  my $deliver = 0;
  if (!$known{$pid}++) {
    ptrace(SETOPTIONS, $pid, 0, OPTIONS) if $pid == $main;
    $deliver = $stop if $stop != SIGSTOP;
  } elsif ($stop == (SIGTRAP | 0x80)) {
    my $call = describe($pid);
    if (defined $call && $call =~ $pattern) {
      $count += 1;
      print $log "$call\n";
      if ($count == $at) {
        print $log "reached\n";
        sleep 1 while $action eq 'hold';
        kill(SIGKILL, $main);
        next;
      }
    }
  } elsif ($stop != SIGTRAP) {
    $deliver = $stop;
  }
  ptrace(SYSCALL, $pid, 0, $deliver);
}
