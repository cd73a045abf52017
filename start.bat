@echo off
rem Opens a chapter in the browser; the first start makes the environment.
rem Double-click it, or for a chapter type:  start.bat 04 --language zh
chcp 65001 >nul
pushd "%~dp0"
if not exist helpers\__main__.py goto packed
set PY=
rem A Python that is not too old, and that the packages in wheels, if any, are for.
set "CHECK=import glob, sys; v = sys.version_info[:2]; w = glob.glob('wheels/torch-*.whl'); sys.exit(not (any('-cp3' + str(v[1]) + '-' in x and 'win' in x for x in w) if w else v in ((3, 11), (3, 12), (3, 13))))"
for %%p in ("py -3.13" "py -3.12" "py -3.11" "python" "python3") do call :try %%p
if defined PY goto found
echo Python 3.11, 3.12 or 3.13 (64 bit) is needed: https://www.python.org/downloads/windows/
echo 需要 Python 3.11、3.12 或 3.13（64 位）：https://www.python.org/downloads/windows/
if exist wheels echo The packages here are for 这里的软件包适用于：
if exist wheels dir /b wheels\torch-*.whl
if exist wheels echo With a network: delete the folder wheels and start again. 有网络的话，删掉 wheels 文件夹，再启动。
pause
exit /b 1
:packed
echo Unpack the whole zip first (right-click it, Extract All), then start this file there.
echo 请先解压整个 zip（右键，“全部解压缩”），再在解压出的文件夹里运行本文件。
pause
exit /b 1
:found
%PY% -m helpers open %*
if errorlevel 1 pause
exit /b
:try
if defined PY exit /b
%~1 -c "%CHECK%" >nul 2>nul
if %errorlevel%==0 set "PY=%~1"
exit /b
